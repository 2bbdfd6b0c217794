"""Generation of rows: a density of the codes, paths between codes, and the methods that decode both."""
