"""The data sets: downloaded, verified, kept in a cache, and loaded as tensors."""
