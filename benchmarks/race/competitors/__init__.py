"""One file per competitor; each passes a function that fits to `compete` and knows nothing of the others."""
