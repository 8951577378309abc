"""Calibrated confidence by temperature scaling, and its error. In NumPy.

Source: C. Guo et al., "On calibration of modern neural networks" (2017).
"""

import math

import numpy as np
from numpy.typing import NDArray

# The bounds of the search for the temperature.
MIN_TEMPERATURE = 0.05
MAX_TEMPERATURE = 20.0
BINS = 15  # the calibration error is a mean over so many bins of confidence


def probabilities(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Compute softmax(logits / temperature), (N, 10) float64, from logits (N, 10) float."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    shares = np.exp(scaled)
    result: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return result


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """Find the temperature T in 0.05 … 20 for which softmax(logits / T) has the lowest cross-entropy.

    `logits` are (N, 10) float, `labels` (N,) integers.
    """
    logits = logits.astype(np.float64)
    of_labels = np.take_along_axis(logits, labels[:, None], axis=1).mean()
    low = MIN_TEMPERATURE
    high = MAX_TEMPERATURE
    while high / low > 1 + 1e-9:  # the loss has a single minimum: bisect by the sign of its slope
        middle = math.sqrt(low * high)
        expected = (probabilities(logits, middle) * logits).sum(axis=1)
        if expected.mean() > of_labels:  # at this temperature the network is too sure
            low = middle
        else:
            high = middle
    return middle


def is_at_bound(temperature: float) -> bool:
    """Whether a fitted temperature is at a bound of the search, so that the confidence is not calibrated."""
    return not MIN_TEMPERATURE * (1 + 1e-6) < temperature < MAX_TEMPERATURE * (1 - 1e-6)


def calibration_error(probability: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Compute the expected calibration error: the mean gap between confidence and accuracy over 15 equal bins.

    `probability` is (N, 10), `labels` (N,) integers; the error is in [0, 1].
    """
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
