"""Calibrated confidence: logits → probabilities that mean what they say, and how well they do.

Source: C. Guo et al., "On calibration of modern neural networks" (2017).
"""

import math

import torch
from torch.nn import functional as F

BINS = 15  # of the calibration error


def probabilities(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """softmax(logits / temperature), (N, 10) float64."""
    return F.softmax(logits.double() / temperature, dim=1)


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature T, within 0.05 … 20, with which softmax(logits / T) has the least cross-entropy."""
    logits, labels = logits.double(), labels.cpu()
    low, high = 0.05, 20.0
    while high / low > 1 + 1e-9:  # the loss has one valley: look on which slope of it the middle lies
        middle = math.sqrt(low * high)
        expected = (probabilities(logits, middle) * logits).sum(1)
        too_sure = expected.mean() > logits.gather(1, labels[:, None]).mean()
        low, high = (middle, high) if too_sure else (low, middle)
    return middle


def calibration_error(probability: torch.Tensor, labels: torch.Tensor) -> float:
    """Expected calibration error of probabilities (N, 10): mean gap of confidence and accuracy, 15 equal bins."""
    confidence, read = probability.max(dim=1)
    gap = (read == labels.cpu()).double() - confidence
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    return float(torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, gap).abs().sum() / len(gap))
