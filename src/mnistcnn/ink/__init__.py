"""From image files to ink: decoding, straightening the page, subtracting paper and ruled lines. Imports no PyTorch."""
