"""Rows in batches for a model: from memory, from a sparse matrix, or from disk."""
