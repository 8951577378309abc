"""Checkpoints: the finished network and all that is known about it, checked before anything is used.

A checkpoint file is a `torch.save` archive of one dict:

    format        1
    kind          "mnistcnn checkpoint"
    weights       state_dict of `MnistCNN`, float32
    outliers      tensors of the `OutlierDetector`, if there is one
    temperature   float; probabilities are softmax(logits / temperature)
    config        the settings it was trained with, as `TrainConfig.to_dict`
    data          what it was trained on, as `DataSplits.describe`
    metrics       {"train" | "validation" | "test": {accuracy, loss, count}}, "best_epoch"
    environment   device, threads, versions
    created       ISO 8601 time, UTC
"""

import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from mnistcnn.archive import check_config, check_plain, check_weights, load_archive, save_archive
from mnistcnn.confidence.outliers import OutlierDetector
from mnistcnn.config import DEFAULT_CHECKPOINT, TrainConfig
from mnistcnn.device import Compute
from mnistcnn.errors import CheckpointError
from mnistcnn.events import Note, Observer, ignore
from mnistcnn.model import MnistCNN
from mnistcnn.results import Environment, Result
from mnistcnn.storage import exists

FORMAT = 1
KIND = "mnistcnn checkpoint"
PACKAGED = Path(__file__).parent / "weights" / "mnist_cnn.pth"  # written by `python -m benchmarks.packaged`


@dataclass(frozen=True, slots=True)
class Checkpoint(Result):
    """A trained network. Those of a bare `state_dict` have no `config` and know nothing about themselves."""

    path: Path
    weights: dict[str, torch.Tensor]
    temperature: float = 1.0
    config: TrainConfig | None = None
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    environment: Environment = Environment()  # noqa: RUF009 - it is frozen
    created: str = ""
    outliers: OutlierDetector | None = None

    @property
    def trained_on(self) -> str | None:
        """The name of the data set, where it is known."""
        return str(self.config.dataset) if self.config else None

    def build_model(self, compute: Compute | None = None) -> MnistCNN:
        """The network with a copy of these weights, in evaluation mode, on the device of `compute` or the CPU."""
        model = MnistCNN(torch.Generator())
        model.load_state_dict(self.weights)
        if compute is not None:
            model.to(device=compute.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return model.eval()

    def describe(self) -> dict[str, Any]:
        """All but the tensors, in plain types."""
        about = replace(self, weights={}, outliers=None).to_dict()
        del about["weights"], about["outliers"]
        return about


def save_checkpoint(checkpoint: Checkpoint) -> None:
    """Write it to its path, atomically. Raises `OutputError`."""
    assert checkpoint.config is not None
    about = checkpoint.describe()
    del about["path"]
    weights = {name: tensor.cpu().contiguous() for name, tensor in checkpoint.weights.items()}
    outliers = {"outliers": checkpoint.outliers.to_dict()} if checkpoint.outliers else {}
    save_archive(checkpoint.path, {"format": FORMAT, "kind": KIND, "weights": weights, **outliers, **about})


def find_checkpoint(given: Path | str | None, observer: Observer = ignore) -> Path:
    """`given`; else, told to the observer, `models/mnist_cnn.pth` where there is one, or the one in the package."""
    if given is not None:
        return Path(given)
    if exists(DEFAULT_CHECKPOINT):
        observer(Note(f"Network: {DEFAULT_CHECKPOINT}"))
        return DEFAULT_CHECKPOINT
    observer(Note("Network: the one in the package; `mnistcnn train` makes your own."))
    return PACKAGED


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Load one of our checkpoints, or a bare `state_dict`. Raises `CheckpointError` naming file and reason."""
    path = Path(path)
    content = load_archive(path)
    try:
        if "format" not in content and "weights" not in content:
            return Checkpoint(path, check_weights(content))
        number = content.get("format")
        if content.get("kind") != KIND:
            raise ValueError(f"it is not a {KIND}")
        if type(number) is not int or number < 1:
            raise ValueError("its format number is invalid")
        if number > FORMAT:
            raise ValueError(f"it has format {number}, but this mnistcnn reads formats up to {FORMAT}; upgrade it")
        weights, temperature = check_weights(content.get("weights")), content.get("temperature")
        if not isinstance(temperature, float) or not 0 < temperature < math.inf:
            raise ValueError("its temperature is invalid")
        config = check_config(content.get("config"))
        data, metrics, about = (check_plain(content.get(key), key) for key in ("data", "metrics", "environment"))
        environment, created = Environment.from_dict(about), str(content.get("created", ""))[:40]
        outliers = OutlierDetector.from_dict(content["outliers"]) if "outliers" in content else None
        return Checkpoint(path, weights, temperature, config, data, metrics, environment, created, outliers)
    except ValueError as error:
        raise CheckpointError(f"{path} is not a checkpoint of this network: {error}.") from error
