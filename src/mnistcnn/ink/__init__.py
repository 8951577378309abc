"""Any image file → ink: decoded, the page upright, the paper subtracted, ruled lines removed. Imports no PyTorch."""
