"""What the network makes of images on the way to its logits; the outlier detector judges by it."""

from dataclasses import dataclass

import torch

from mnistcnn.device import strict_float32
from mnistcnn.metrics import BATCH_SIZE
from mnistcnn.model import MnistCNN, normalise


@dataclass(frozen=True, slots=True)
class Activations:
    """N images and what the network makes of them, all on the CPU."""

    images: torch.Tensor  # (N, 1, 28, 28) uint8
    pooled: torch.Tensor  # (N, 1024) float32
    hidden: torch.Tensor  # (N, 1024) float32
    logits: torch.Tensor  # (N, 10) float32


def predict_activations(model: MnistCNN, images: torch.Tensor, batch_size: int = BATCH_SIZE) -> Activations:
    """The activations of images (N, 1, 28, 28) uint8 in one pass, without dropout, on the model's device.

    The logits are those of `predict_logits`.
    """
    device = model.fc2.weight.device
    parts = []
    with torch.inference_mode(), strict_float32():
        for part in images.split(batch_size):
            pooled, hidden = model.features(normalise(part.to(device)))
            parts.append((pooled.cpu(), hidden.cpu(), model.fc2(hidden).cpu()))
    return Activations(images.cpu(), *(torch.cat(layers) for layers in zip(*parts, strict=True)))
