"""One file a competitor; each gives `compete` a function that fits, and knows nothing of the others."""
