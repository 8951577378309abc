"""Training: the loop (`trainer`), one run from settings to files (`run`), and taking it up again (`resume`)."""
