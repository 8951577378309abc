"""Checkpoints: reading their files without PyTorch, checking each field, and calibrated confidence."""
