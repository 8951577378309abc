"""Pictures → logits → figures: shared by training, evaluation and prediction.

Inference is float32 on every device, so that a checkpoint gives one answer: bfloat16 is for training steps.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from mnistcnn.device import Compute, strict_float32
from mnistcnn.distributed import gathered
from mnistcnn.model import CLASSES, MnistCNN, normalise
from mnistcnn.results import Metrics
from mnistcnn.world import World

BATCH_SIZE = 1_000  # pictures at a time; the same everywhere, so that every command gets the same logits


def infer(
    model: MnistCNN,
    images: torch.Tensor,
    compute: Compute,
    batch_size: int = BATCH_SIZE,
    world: World | None = None,
) -> torch.Tensor:
    """Logits, (N, 10) float32 on the CPU, of pictures (N, 1, 28, 28) uint8; the model's mode is put back.

    The processes of `world` share the pictures out, and each gets all the logits.
    """
    world = world or World()
    training = model.training
    model.eval()
    try:
        with torch.inference_mode(), strict_float32():
            parts = [
                model(normalise(part.to(compute.device, non_blocking=True)))
                for part in images[world.share(len(images))].split(batch_size)
            ]
    finally:
        model.train(training)
    return gathered(world, torch.cat(parts).cpu() if parts else torch.empty(0, CLASSES))


def measure(logits: torch.Tensor, labels: torch.Tensor) -> Metrics:
    """Accuracy and mean cross-entropy (nats) of logits (N, 10) against labels (N,) int64, N > 0."""
    labels = labels.cpu()
    correct = int((logits.argmax(1) == labels).sum())
    loss = F.cross_entropy(logits.double(), labels, reduction="sum").item()
    return Metrics(correct / len(labels), loss / len(labels), len(labels))


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The temperature T > 0 that makes softmax(logits / T) the best calibrated: least cross-entropy.

    Source: C. Guo et al., "On calibration of modern neural networks" (2017). Kept within 0.05 … 20.
    """
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


def probabilities(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """softmax(logits / temperature), (N, 10) float64."""
    return F.softmax(logits.double() / temperature, dim=1)
