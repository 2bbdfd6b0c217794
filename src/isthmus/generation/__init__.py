"""New rows from a fitted model: a density on the codes, paths between codes, and the methods that decode both."""
