"""Mixed tables: DataFrames of numbers, truth values, categories and dates as columns of numbers, and back."""
