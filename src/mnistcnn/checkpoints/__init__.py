"""Checkpoints: their files read without PyTorch, each field checked, and how sure a network is."""
