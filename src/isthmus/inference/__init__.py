"""What a fitted model says of a row: its density, its code and how sure it is of it."""
