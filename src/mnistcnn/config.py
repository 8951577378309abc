"""Every setting of a training run, with its default and unit, in one place. Imports nothing heavy."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mnistcnn.errors import UsageError

DEFAULT_CHECKPOINT = Path("models/mnist_cnn.pth")
DEFAULT_OUTPUT_DIR = Path("output")
DEVICE_SPELLING = r"auto|cpu|mps|(cuda|xpu)(:\d{1,3})?"  # a regular expression
TRAIN_PICTURES = 60_000  # MNIST's training pictures, train and validation together


class DatasetName(StrEnum):
    """The data sets that can be trained on."""

    MNIST = "mnist"
    SYNTHETIC = "synthetic"


class Precision(StrEnum):
    """The number format of the matrix products; weights are always float32."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


class ExportFormat(StrEnum):
    """The files that `export` writes; each is the suffix of its name too."""

    ONNX = "onnx"
    SAFETENSORS = "safetensors"


class InputType(StrEnum):
    """The number format of the pictures, 0 … 255, that an exported network takes."""

    UINT8 = "uint8"
    FLOAT32 = "float32"


class Split(StrEnum):
    """The three parts of a data set."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Files:
    """Where a training run reads and writes."""

    checkpoint: Path = DEFAULT_CHECKPOINT
    output_dir: Path = DEFAULT_OUTPUT_DIR
    data_dir: Path | None = None
    mirror: str | None = None

    @property
    def unfinished(self) -> Path:
        """The state that resuming needs, beside the checkpoint until the run has ended well."""
        return self.checkpoint.with_name(f"{self.checkpoint.name}.unfinished")


def check_mirror(url: str | None) -> str | None:
    """The http(s) address of a mirror, ending in a slash; None stays None. Raises `UsageError` for anything else."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket that isn't closed, a port that is no number
        valid = False
    if not valid:
        raise UsageError(f"--mirror {url!r} is not an http:// or https:// address.")
    return url if url.endswith("/") else f"{url}/"


def flag(name: str) -> str:
    """The command-line option of a field: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """All that decides which weights a training run ends with (beside the machine it runs on)."""

    epochs: int = 5  # passes over the training pictures
    batch_size: int = 50  # pictures per step
    lr: float = 3e-3  # peak of the one-cycle learning rate
    weight_decay: float = 0.15  # AdamW's decoupled weight decay, per step and unit of learning rate
    label_smoothing: float = 0.1  # probability spread evenly over the ten digits
    skip_easy: float = 0.5  # from the second epoch on, this fraction of the pictures, the best read, is left out
    repeat_hard: float = 0.25  # from the second epoch on, this fraction, the worst read, comes twice
    shift: int = 1  # augmentation: up to this many whole pixels in each direction
    rotation: float = 10.0  # augmentation: up to this many degrees to either side
    scale: float = 0.1  # augmentation: up to this fraction narrower or wider, and lower or higher
    shear: float = 0.1  # augmentation: up to this many pixels of slant for a pixel of height
    elastic: float = 0.5  # augmentation: standard deviation of a smooth random displacement, in pixels
    seed: int = 0  # split, initialisation, order, augmentation and dropout all follow from it
    validation_size: int = 5_000  # pictures held out of the training pictures
    device: str = "auto"
    precision: Precision = Precision.AUTO
    dataset: DatasetName = DatasetName.MNIST

    def __post_init__(self) -> None:
        """Refuse values that make no sense, naming the option: `UsageError`."""
        self._require("epochs", 1, 100_000)
        self._require("batch_size", 1, TRAIN_PICTURES)
        self._require("lr", 0.0, 1000.0, low_included=False)
        self._require("weight_decay", 0.0, 1000.0)
        self._require("label_smoothing", 0.0, 0.99)
        self._require("skip_easy", 0.0, 0.99)
        self._require("repeat_hard", 0.0, 1.0)
        self._require("shift", 0, 14)
        self._require("rotation", 0.0, 180.0)
        self._require("scale", 0.0, 0.9)
        self._require("shear", 0.0, 2.0)
        self._require("elastic", 0.0, 14.0)
        self._require("seed", 0, 2**63 - 1)
        self._require("validation_size", 1, TRAIN_PICTURES - 1)

    def _require(self, name: str, low: float, high: float, *, low_included: bool = True) -> None:
        value = getattr(self, name)
        if math.isfinite(value) and low <= value <= high and (low_included or value > low):
            return
        bound = "at least" if low_included else "more than"
        raise UsageError(f"{flag(name)} must be {bound} {low} and at most {high}, not {value}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain types only, for JSON and checkpoints."""
        return {name: str(v) if isinstance(v, StrEnum) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of `to_dict`. Raises `ValueError`, `TypeError` or `UsageError` on anything else."""
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise ValueError(f"settings {sorted(set(values) ^ known)} missing or unknown")
        for field in fields(cls):
            wanted = type(field.default)
            got = values[field.name]
            if isinstance(got, bool) or not isinstance(got, str if issubclass(wanted, str) else wanted | int):
                raise TypeError(f"setting {field.name} is {type(got).__name__}")
        return cls(
            **{
                **values,
                "precision": Precision(values["precision"]),
                "dataset": DatasetName(values["dataset"]),
            }
        )
