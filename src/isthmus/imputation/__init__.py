"""Imputation: missing cells filled with their expectation given the other cells of the row, and other rows."""
