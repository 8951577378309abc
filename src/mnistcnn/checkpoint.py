"""Checkpoints: the finished network and all that is known about it, checked before anything is used.

A checkpoint file is a `torch.save` archive of one dict:

    format        1
    kind          "mnistcnn checkpoint"
    weights       state_dict of `MnistCNN`, float32
    temperature   float; probabilities are softmax(logits / temperature)
    config        the settings it was trained with, as `TrainConfig.to_dict`
    data          what it was trained on, as `DataSplits.describe`
    metrics       {"train" | "validation" | "test": {accuracy, loss, count}}, "best_epoch"
    environment   device, threads, versions
    created       ISO 8601 time, UTC
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mnistcnn.archive import load_archive, save_archive
from mnistcnn.config import DEFAULT_CHECKPOINT, TrainConfig
from mnistcnn.device import Compute
from mnistcnn.errors import CheckpointError, MnistCnnError
from mnistcnn.events import Note, Observer, ignore
from mnistcnn.model import MnistCNN
from mnistcnn.results import Environment

FORMAT = 1
KIND = "mnistcnn checkpoint"
PACKAGED = Path(__file__).parent / "weights" / "mnist_cnn.pth"  # written by `python -m benchmarks.packaged`
MOST_TEXT = 4 << 20  # characters, as JSON, of what a file says about itself; 16,000 epochs of history fit


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A trained network. Those of a bare `state_dict` have no `config` and know nothing about themselves."""

    path: Path
    weights: dict[str, torch.Tensor]
    temperature: float = 1.0
    config: TrainConfig | None = None
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    environment: Environment = Environment()  # noqa: RUF009 - it is frozen
    created: str = ""

    @property
    def trained_on(self) -> str | None:
        """The name of the data set, where it is known."""
        return str(self.config.dataset) if self.config else None

    def build_model(self, compute: Compute) -> MnistCNN:
        """The network with these weights on the device of `compute`, ready to infer."""
        model = build_model(self.weights)
        return model.to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def describe(self) -> dict[str, Any]:
        """What a report says about it; plain types."""
        return {
            "path": str(self.path),
            "created": self.created,
            "temperature": self.temperature,
            "config": self.config.to_dict() if self.config else None,
            "data": self.data,
            "metrics": self.metrics,
            "environment": self.environment.to_dict(),
        }


def build_model(weights: Mapping[str, torch.Tensor]) -> MnistCNN:
    """The network with a copy of `weights`, on the CPU, in evaluation mode."""
    model = MnistCNN(torch.Generator())
    model.load_state_dict(dict(weights))
    return model.eval()


def save_checkpoint(checkpoint: Checkpoint) -> None:
    """Write it to its path, atomically. Raises `OutputError`."""
    assert checkpoint.config is not None
    content = {
        "format": FORMAT,
        "kind": KIND,
        "weights": {name: tensor.cpu().contiguous() for name, tensor in checkpoint.weights.items()},
        **{key: value for key, value in checkpoint.describe().items() if key != "path"},
    }
    save_archive(checkpoint.path, content)


def find_checkpoint(given: Path | str | None, observer: Observer = ignore) -> Path:
    """`given`; else `models/mnist_cnn.pth` where there is one; else the trained network in the package.

    The observer is told which one it is, unless it was given.
    """
    if given is not None:
        return Path(given)
    if DEFAULT_CHECKPOINT.exists():
        observer(Note(f"Network: {DEFAULT_CHECKPOINT}"))
        return DEFAULT_CHECKPOINT
    observer(Note("Network: the one that comes with mnistcnn; `mnistcnn train` makes your own."))
    return PACKAGED


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load one of our checkpoints, or a bare `state_dict` of this network.

    Raises `CheckpointError` naming file and reason; see `archive.load_archive` for what is refused unread.
    """
    path = Path(path)
    content = load_archive(path)
    try:
        if "format" not in content and "weights" not in content:
            return Checkpoint(path, check_weights(content))
        _check_header(content, KIND, FORMAT)
        return Checkpoint(
            path,
            check_weights(content.get("weights")),
            check_temperature(content.get("temperature")),
            check_config(content.get("config")),
            check_plain(content.get("data"), "data"),
            check_plain(content.get("metrics"), "metrics"),
            Environment.from_dict(check_plain(content.get("environment"), "environment")),
            created=str(content.get("created", ""))[:40],
        )
    except ValueError as error:
        raise CheckpointError(f"{path} is not a checkpoint of this network: {error}.") from error


def _check_header(content: Mapping[Any, Any], kind: str, newest: int) -> None:
    number = content.get("format")
    if content.get("kind") != kind:
        raise ValueError(f"it is not a {kind}")
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise ValueError("its format number makes no sense")
    if number > newest:
        raise ValueError(f"it has format {number}, and this mnistcnn knows up to {newest}; upgrade it")


def check_weights(weights: object) -> dict[str, torch.Tensor]:
    """`weights` if they are a finite float32 `state_dict` of `MnistCNN`, made contiguous; else `ValueError`."""
    if not isinstance(weights, dict):
        raise ValueError("it holds no weights")
    expected = MnistCNN(torch.Generator()).state_dict()
    if set(weights) != set(expected):
        names = sorted(str(name)[:40] for name in set(weights) ^ set(expected))
        raise ValueError(f"weights missing or unknown: {', '.join(names[:4])}{', …' * (len(names) > 4)}")
    checked = {}
    for name, like in expected.items():
        tensor = weights[name]
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ValueError(f"{name} is not a plain tensor")
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            found = f"{str(tensor.dtype).removeprefix('torch.')} {tuple(tensor.shape)}"
            raise ValueError(f"{name} is {found}, not float32 {tuple(like.shape)}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} has values that are not finite")
        checked[name] = tensor.detach().contiguous()
    return checked


def check_temperature(value: object) -> float:
    """`value` if it is a temperature; else `ValueError`."""
    if not isinstance(value, float) or not math.isfinite(value) or value <= 0:
        raise ValueError("its temperature makes no sense")
    return value


def check_config(value: object) -> TrainConfig:
    """The settings in `value`, a dict as `TrainConfig.to_dict` makes it; else `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError("it holds no settings")
    try:
        return TrainConfig.from_dict(value)
    except (ValueError, TypeError, MnistCnnError) as error:
        raise ValueError(f"its settings make no sense ({error})") from error


def check_plain(value: object, what: str) -> dict[str, Any]:
    """`value` if it is a dict of plain types, at most 4 MB as JSON; else `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError(f"it holds no {what}")
    text = ""
    try:
        for piece in json.JSONEncoder(allow_nan=False).iterencode(value):
            text += piece
            if len(text) > MOST_TEXT:
                raise ValueError("too large")
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"its {what} make no sense ({error})") from error
    return dict(json.loads(text))
