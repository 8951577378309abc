"""Describes the network layer by layer: shapes, costs, and how training changed its weights."""

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
_FLOAT_BYTES = 4
LAYERS = {  # each layer's kind and its constants
    "conv1": ("convolution", "12×12, stride 2, no padding, ReLU"),
    "conv2": ("convolution", "5×5, stride 1, padding same, ReLU"),
    "pool": ("max pooling", "2×2"),
    "flatten": ("flatten", ""),
    "fc1": ("linear", "1,024 → 1,024, ReLU"),
    "dropout": ("dropout", f"{DROPOUT:g} in training"),
    "fc2": ("linear", "1,024 → 10"),
}
_COPIES = 4  # training holds each parameter, its gradient and AdamW's two moments


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSummary(Result):
    """One layer: `output` is its shape without the batch dimension, `multiply_adds` counts one image's."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary(Result):
    """The network layer by layer; `forward_bytes` and `training_bytes` estimate the memory for a batch in float32."""

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
    """Describe the network, its training, its accuracy, and how its weights have changed.

    If `checkpoint` is None, `checkpoints.checkpoint.find_checkpoint` chooses one. If `plot` is given, the first
    layer's filters are drawn there as PNG. Raises `CheckpointError` and `OutputError`.
    """
    loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    seed = derive_seed(loaded.config.seed if loaded.config else 0, "weights")
    initial = MnistCNN(torch.Generator().manual_seed(seed))
    trained = build_model(loaded.weights)
    layers = [
        _summarise_layer(name, getattr(initial, name), getattr(trained, name), output)
        for name, output in _trace(trained).items()
    ]
    parameters = sum(layer.parameters for layer in layers)
    activations = SIDE * SIDE + sum(math.prod(layer.output) for layer in layers)
    return ModelSummary(
        layers=layers,
        parameters=parameters,
        multiply_adds=sum(layer.multiply_adds for layer in layers),
        batch_size=batch_size,
        forward_bytes=_FLOAT_BYTES * (parameters + batch_size * activations),
        training_bytes=_FLOAT_BYTES * (_COPIES * parameters + 2 * batch_size * activations),
        initialisation=INITIALISATION,
        checkpoint=loaded.describe(),
        files=[] if plot is None else [str(plot_filters(plot, trained.conv1.weight))],
    )


def _trace(model: MnistCNN) -> dict[str, tuple[int, ...]]:
    """Find each layer's output shape for one image by a forward pass."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, layer in model.named_children():
        layer.register_forward_hook(lambda _layer, _in, out, name=name: shapes.update({name: tuple(out.shape[1:])}))
    with torch.no_grad():
        model(torch.zeros(1, 1, SIDE, SIDE))
    return shapes


def _summarise_layer(name: str, initial: nn.Module, trained: nn.Module, output: tuple[int, ...]) -> LayerSummary:
    kind, detail = LAYERS[name]
    parameters = sum(p.numel() for p in trained.parameters())
    if not parameters:
        return LayerSummary(name=name, kind=kind, detail=detail, output=output, parameters=0, multiply_adds=0)
    weight = trained.get_parameter("weight")
    initial_weight = initial.get_parameter("weight")
    return LayerSummary(
        name=name,
        kind=kind,
        detail=detail,
        output=output,
        parameters=parameters,
        # Each value of the output is the dot product of a filter, or of a unit's weights, with as many inputs.
        multiply_adds=math.prod(output) * math.prod(weight.shape[1:]),
        weight_mean=weight.mean().item(),
        weight_std=weight.std().item(),
        initial_weight_mean=initial_weight.mean().item(),
        initial_weight_std=initial_weight.std().item(),
    )
