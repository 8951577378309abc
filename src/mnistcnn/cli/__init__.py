"""The command line: one file for each command, and the parts that they share."""

from mnistcnn.cli.app import app

__all__ = ["app"]
