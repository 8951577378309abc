"""The network explained: layer by layer, and what training made of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mnistcnn.checkpoint import build_model, find_checkpoint, load_checkpoint
from mnistcnn.device import derive_seed
from mnistcnn.events import Observer, ignore
from mnistcnn.model import BIAS, SIDE, WEIGHT_STD, MnistCNN
from mnistcnn.plots import plot_filters
from mnistcnn.results import Result

INITIALISATION = f"weights from N(0, {WEIGHT_STD}²), biases {BIAS}"
_FLOAT = 4  # bytes
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
    batch_size: int = 50,
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
    layers = [_layer(name, began, now, *traced) for name, traced in _trace(now).items()]
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


def _trace(model: MnistCNN) -> dict[str, tuple[tuple[int, ...], int]]:
    """Each layer's output shape and multiply-adds for one image, found by sending one through."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _layer, _in, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 1, SIDE, SIDE))
    flops = {name.rpartition(".")[2]: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}
    # A multiply-add is two floating-point operations.
    return {name: (shape, flops.get(name, 0) // 2) for name, shape in shapes.items()}


def _layer(name: str, began: MnistCNN, now: MnistCNN, output: tuple[int, ...], multiply_adds: int) -> LayerSummary:
    layer = getattr(now, name)
    parameters = sum(p.numel() for p in layer.parameters())
    weights = [layer.weight, getattr(began, name).weight] if parameters else []
    means_and_stds = [measure(weight).item() for weight in weights for measure in (torch.mean, torch.std)]
    return LayerSummary(name, *_describe(name, layer), output, parameters, multiply_adds, *means_and_stds)


def _describe(name: str, layer: nn.Module) -> tuple[str, str]:
    """A layer's kind, and its constants in words."""
    activation = {"conv1": ", ReLU", "conv2": ", ReLU", "fc1": ", ReLU"}.get(name, "")
    match layer:
        case nn.Conv2d():
            height, width = layer.kernel_size
            padding = f"padding {layer.padding}" if isinstance(layer.padding, str) else "no padding"
            return "convolution", f"{height}×{width}, stride {layer.stride[0]}, {padding}{activation}"
        case nn.Linear():
            return "linear", f"{layer.in_features:,} → {layer.out_features:,}{activation}"
        case nn.MaxPool2d():
            return "max pooling", f"{layer.kernel_size}×{layer.kernel_size}"
        case nn.Dropout():
            return "dropout", f"{layer.p:g} in training"
        case _:
            return "flatten", ""
