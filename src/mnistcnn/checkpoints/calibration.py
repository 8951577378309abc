"""Calibrated confidence: logits → probabilities that mean what they say, and how well they do. In NumPy.

Source: C. Guo et al., "On calibration of modern neural networks" (2017).
"""

import math

import numpy as np
from numpy.typing import NDArray

MIN_TEMPERATURE, MAX_TEMPERATURE = 0.05, 20.0  # of those that are fitted
BINS = 15  # of the calibration error


def probabilities(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """softmax(logits / temperature), (N, 10) float64."""
    scaled = logits.astype(np.float64) / temperature
    scaled -= scaled.max(axis=1, keepdims=True)
    shares = np.exp(scaled)
    result: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
    return result


def fit_temperature(logits: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature T, within 0.05 … 20, with which softmax(logits / T) has the least cross-entropy."""
    logits = logits.astype(np.float64)
    of_labels = np.take_along_axis(logits, labels[:, None], axis=1).mean()
    low, high = MIN_TEMPERATURE, MAX_TEMPERATURE
    while high / low > 1 + 1e-9:  # the loss has one valley: look on which slope of it the middle lies
        middle = math.sqrt(low * high)
        expected = (probabilities(logits, middle) * logits).sum(axis=1)
        if expected.mean() > of_labels:  # too sure
            low = middle
        else:
            high = middle
    return middle


def is_at_bound(temperature: float) -> bool:
    """Whether a fitted temperature is the least or the greatest there is: it would go on, and calibrates nothing."""
    return not MIN_TEMPERATURE * (1 + 1e-6) < temperature < MAX_TEMPERATURE * (1 - 1e-6)


def calibration_error(probability: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """Expected calibration error of probabilities (N, 10): mean gap of confidence and accuracy, 15 equal bins."""
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    gaps = np.bincount(bins, weights=right - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(confidence))
