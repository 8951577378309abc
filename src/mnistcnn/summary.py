"""The network explained: layer by layer, and what training made of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mnistcnn.checkpoints.checkpoint import find_checkpoint, load_checkpoint
from mnistcnn.config import TrainConfig
from mnistcnn.events import Observer, ignore
from mnistcnn.network.device import derive_seed
from mnistcnn.network.model import BIAS, DROPOUT, SIDE, WEIGHT_STD, MnistCNN, build_model
from mnistcnn.plots import plot_filters
from mnistcnn.results import Result

INITIALISATION = f"weights from N(0, {WEIGHT_STD}²), biases {BIAS}"
_FLOAT = 4  # bytes
LAYERS = {  # the kind of each, and its constants in words
    "conv1": ("convolution", "12×12, stride 2, no padding, ReLU"),
    "conv2": ("convolution", "5×5, stride 1, padding same, ReLU"),
    "pool": ("max pooling", "2×2"),
    "flatten": ("flatten", ""),
    "fc1": ("linear", "1,024 → 1,024, ReLU"),
    "dropout": ("dropout", f"{DROPOUT:g} in training"),
    "fc2": ("linear", "1,024 → 10"),
}
_COPIES = 4  # of each parameter in training: itself, its gradient, AdamW's two moments


@dataclass(frozen=True, slots=True)
class LayerSummary(Result):
    """One layer; `output` without the batch dimension; multiply-adds for one image."""

    name: str
    kind: str
    detail: str
    output: tuple[int, ...]
    parameters: int
    multiply_adds: int
    weight_mean: float | None = None  # None where there are no weights
    weight_std: float | None = None
    initial_weight_mean: float | None = None
    initial_weight_std: float | None = None


@dataclass(frozen=True, slots=True)
class ModelSummary(Result):
    """The network layer by layer; `forward_bytes` and `training_bytes` are activations and parameters in float32."""

    layers: list[LayerSummary]
    parameters: int
    multiply_adds: int
    batch_size: int
    forward_bytes: int
    training_bytes: int
    initialisation: str
    checkpoint: dict[str, Any]
    files: list[str]


def summarise(
    checkpoint: Path | str | None = None,
    *,
    batch_size: int = TrainConfig().batch_size,
    plot: Path | None = None,
    observer: Observer = ignore,
) -> ModelSummary:
    """Describe the network, what it was trained on, how well, and how its weights have changed.

    Without a `checkpoint`, see `checkpoint.find_checkpoint`. `plot` is a PNG file that gets the first layer's
    filters. Raises `CheckpointError` and `OutputError`.
    """
    loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    seed = derive_seed(loaded.config.seed if loaded.config else 0, "weights")
    began, now = MnistCNN(torch.Generator().manual_seed(seed)), build_model(loaded.weights)
    layers = [
        _summarise_layer(name, getattr(began, name), getattr(now, name), output) for name, output in _trace(now).items()
    ]
    parameters = sum(layer.parameters for layer in layers)
    activations = SIDE * SIDE + sum(math.prod(layer.output) for layer in layers)
    return ModelSummary(
        layers=layers,
        parameters=parameters,
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        batch_size=batch_size,
        forward_bytes=_FLOAT * (parameters + batch_size * activations),
        training_bytes=_FLOAT * (_COPIES * parameters + 2 * batch_size * activations),
        initialisation=INITIALISATION,
        checkpoint=loaded.describe(),
        files=[] if plot is None else [str(plot_filters(plot, now.conv1.weight))],
    )


def _trace(model: MnistCNN) -> dict[str, tuple[int, ...]]:
    """Each layer's output shape for one image, found by sending one through."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _layer, _in, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with torch.no_grad():
        model(torch.zeros(1, 1, SIDE, SIDE))
    return shapes


def _summarise_layer(name: str, began: nn.Module, now: nn.Module, output: tuple[int, ...]) -> LayerSummary:
    parameters = sum(p.numel() for p in now.parameters())
    weights = [layer.get_parameter("weight") for layer in (now, began)] if parameters else []
    # Each number of the output is the product of a filter, or of a unit's weights, with as many inputs.
    adds = math.prod(output) * math.prod(weights[0].shape[1:]) if weights else 0
    means_and_stds = [measure(weight).item() for weight in weights for measure in (torch.mean, torch.std)]
    return LayerSummary(name, *LAYERS[name], output, parameters, adds, *means_and_stds)
