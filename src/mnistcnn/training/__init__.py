"""Training: the loop (`trainer`), a run from settings to files (`run`), and how it is resumed (`resume`)."""
