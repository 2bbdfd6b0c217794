"""Rows on their way to a model: in memory, sparse or on disk, in batches."""
