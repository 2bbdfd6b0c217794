"""Missing cells filled by what the other cells of the row, and other rows, let one expect."""
