"""Reading: from the ink of a page to its digits, with the networks in NumPy. Imports no PyTorch."""
