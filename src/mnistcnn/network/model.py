"""The network: one fixed architecture, its constants and its Gaussian initialisation."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from mnistcnn.checkpoints.architecture import CLASSES, HIDDEN, MEAN, SIDE, STD
from mnistcnn.network.device import Compute
from mnistcnn.network.fast_layers import Conv2d, Linear, convolve
from mnistcnn.network.tensors import to_tensor

__all__ = [
    "BIAS",
    "CLASSES",
    "DROPOUT",
    "HIDDEN",
    "MEAN",
    "SIDE",
    "STD",
    "WEIGHT_STD",
    "MnistCNN",
    "build_model",
    "gaussian_init",
    "normalise",
]

DROPOUT = 0.2  # training drops each unit of fc1 with this probability
WEIGHT_STD = 0.05  # σ² = 0.0025
BIAS = 0.1


class MnistCNN(nn.Module):
    """Two convolutions and two fully connected layers, 1,103,539 parameters.

    Weights are drawn from N(0, 0.05²) with `generator` (torch's global one if None); every bias is 0.1.
    """

    def __init__(self, generator: torch.Generator | None = None) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):  # torch's own initialisation must not advance the caller's generator
            self.conv1 = nn.Conv2d(1, 25, kernel_size=12, stride=2)
            self.conv2 = Conv2d(25, 64, kernel_size=5, padding="same")
            self.pool = nn.MaxPool2d(2)
            self.flatten = nn.Flatten()
            self.fc1 = Linear(64 * 4 * 4, HIDDEN)
            self.dropout = nn.Dropout(DROPOUT)
            self.fc2 = nn.Linear(HIDDEN, CLASSES)
        gaussian_init(self, generator)

    def forward(self, images: torch.Tensor, dropout: torch.Tensor | None = None) -> torch.Tensor:
        """Compute the logits, (N, 10) float, of normalised images, (N, 1, 28, 28) float.

        If `dropout` (N, 1024) float is given, it multiplies the hidden units in place of torch's own dropout, which
        uses the global generator.
        """
        _, x = self.features(images)
        x = self.dropout(x) if dropout is None else x * dropout
        logits: torch.Tensor = self.fc2(x)
        return logits

    def features(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the outputs of the pooling and of fc1 for normalised images: each (N, 1024) float, 0 or more."""
        x = self.pool(convolve(images, self.conv1, self.conv2))
        if self.training and x.requires_grad:  # otherwise the pooling's backward pass takes three times as long
            x.register_hook(_channels_last)
        # ReLU after the pooling equals ReLU before it, and has a quarter of the values to compute.
        pooled = F.relu(self.flatten(x))
        return pooled, F.relu(self.fc1(pooled))


def _channels_last(gradient: torch.Tensor) -> torch.Tensor:
    return gradient.contiguous(memory_format=torch.channels_last)


def gaussian_init(model: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw the weights of every convolution and linear layer from N(0, σ² = 0.0025); set biases to 0.1."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.normal_(layer.weight, std=WEIGHT_STD, generator=generator)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, BIAS)


def build_model(weights: Mapping[str, NDArray[np.float32]], compute: Compute | None = None) -> MnistCNN:
    """Build the network with a copy of `weights`, in evaluation mode, on the device of `compute` or on the CPU."""
    model = MnistCNN(torch.Generator())
    model.load_state_dict({name: to_tensor(array) for name, array in weights.items()})
    if compute is not None:
        model.to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model.eval()


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Normalise images (N, 1, 28, 28), uint8 or float in 0 … 255, to float32 in channels-last order."""
    scaled = images.float().sub(255 * MEAN).div_(255 * STD)
    return scaled.contiguous(memory_format=torch.channels_last)
