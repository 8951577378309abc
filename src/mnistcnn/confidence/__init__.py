"""How far to trust an answer: calibrated probabilities, and whether an image shows a digit at all."""
