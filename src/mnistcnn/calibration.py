"""Calibrated confidence: logits → probabilities that mean what they say, and how well they do.

Source: C. Guo et al., "On calibration of modern neural networks" (2017).
"""

import torch
from torch.nn import functional as F

BINS = 15  # of the calibration error


def probabilities(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """softmax(logits / temperature), (N, 10) float64."""
    return F.softmax(logits.double() / temperature, dim=1)


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature T, within 0.05 … 20, with which softmax(logits / T) has the least cross-entropy."""
    logits, labels = logits.double(), labels.cpu()
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_t], max_iter=50, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(logits / log_t.clamp(-3, 3).exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return float(log_t.detach().clamp(-3, 3).exp())


def calibration_error(probability: torch.Tensor, labels: torch.Tensor) -> float:
    """Expected calibration error of probabilities (N, 10): mean gap of confidence and accuracy, 15 equal bins."""
    confidence, read = probability.max(dim=1)
    gap = (read == labels.cpu()).double() - confidence
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    return float(torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, gap).abs().sum() / len(gap))
