"""Inference and its metrics, for training, evaluation and reading.

Inference is float32 on every device, so that a checkpoint always gives one answer; bfloat16 is for training steps.
"""

import torch
from torch.nn import functional as F

from mnistcnn.network.device import Compute, strict_float32
from mnistcnn.network.distributed import all_gather
from mnistcnn.network.model import CLASSES, MnistCNN, normalise
from mnistcnn.network.world import ALONE, World
from mnistcnn.results import Metrics

BATCH_SIZE = 1_000  # images


def predict_logits(
    model: MnistCNN, images: torch.Tensor, compute: Compute, batch_size: int = BATCH_SIZE, world: World = ALONE
) -> torch.Tensor:
    """Compute the logits, (N, 10) float32 on the CPU, of images (N, 1, 28, 28) uint8, 0 paper … 255 ink.

    The model computes in evaluation mode; its own mode is restored. Each process of `world` computes a shard of the
    images and gets all the logits.
    """
    shard = images[world.shard(len(images))]
    training = model.training
    model.eval()
    try:
        with torch.inference_mode(), strict_float32():
            parts = [model(normalise(part.to(compute.device, non_blocking=True))) for part in shard.split(batch_size)]
    finally:
        model.train(training)
    return all_gather(world, torch.cat(parts).cpu() if parts else torch.empty(0, CLASSES))


def compute_metrics(logits: torch.Tensor, labels: torch.Tensor) -> Metrics:
    """Compute accuracy and mean cross-entropy (nats) of logits (N, 10) float against labels (N,) int64, N > 0."""
    labels = labels.cpu()
    correct = int((logits.argmax(1) == labels).sum())
    loss = F.cross_entropy(logits.double(), labels, reduction="sum").item()
    return Metrics(accuracy=correct / len(labels), loss=loss / len(labels), count=len(labels))
