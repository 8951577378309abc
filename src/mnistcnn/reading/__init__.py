"""Ink → digits: the networks in NumPy, and how a page is read with them. Imports no PyTorch."""
