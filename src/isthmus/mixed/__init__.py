"""Mixed tables: DataFrames of numbers, booleans, categories and dates as columns of numbers, and back."""
