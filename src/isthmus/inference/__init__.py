"""What a fitted model says about a row: its density, its code and the uncertainty of the code."""
