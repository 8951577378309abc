"""The command line: one file a command, and what they share."""

from mnistcnn.cli.app import app

__all__ = ["app"]
