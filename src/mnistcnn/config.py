"""Every setting of a training run, in one place. Imports nothing heavy."""

import math
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self, get_args
from urllib.parse import urlsplit

from mnistcnn.errors import UsageError
from mnistcnn.results import Result

DEFAULT_CHECKPOINT = Path("models/mnist_cnn.pth")
DEFAULT_OUTPUT_DIR = Path("output")
DEVICES = "auto, cpu, cuda, cuda:N, mps, xpu or xpu:N"
DEVICE_SPELLING = r"auto|cpu|mps|(cuda|xpu)(:\d{1,3})?"  # a regular expression
TRAIN_PICTURES = 60_000  # MNIST's training images: the train and validation splits together

# The value of each member is its name in lower case: `Split.TEST == "test"`.
DatasetName = StrEnum("DatasetName", ["MNIST", "SYNTHETIC"])
Split = StrEnum("Split", ["TRAIN", "VALIDATION", "TEST"])
Precision = StrEnum("Precision", ["AUTO", "FLOAT32", "BFLOAT16"])  # training steps compute in it; weights are float32
ExportFormat = StrEnum("ExportFormat", ["ONNX", "SAFETENSORS"])  # a value is also the suffix of the format's files
InputType = StrEnum("InputType", ["UINT8", "FLOAT32"])  # an exported network takes images of it, 0 … 255


def check_mirror(url: str | None) -> str | None:
    """Return a mirror's address with a slash at its end, or None for None.

    Raises `UsageError` if `url` is not an http:// or https:// address.
    """
    if url is None:
        return None
    with suppress(ValueError):  # a bracket that isn't closed, a port that isn't a number
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url if url.endswith("/") else f"{url}/"
    raise UsageError(f"--mirror {url!r} is not an http:// or https:// address.")


def flag(name: str) -> str:
    """Return the command-line option of a field: `batch_size` → `--batch-size`."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Setting:
    """The help of a field of `TrainConfig`, with its unit; the bounds of a number; the panel of its option."""

    help: str
    min: float | None = None
    max: float = math.inf
    panel: str = "Recipe"
    min_excluded: bool = False


AUGMENTATION, MACHINE, DATA = "Augmentation", "Machine", "Data"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(Result):
    """Every setting that determines the trained weights; only the machine's arithmetic matters besides.

    The option, the check and the record of each field follow from its type, its `Setting` and its default.
    Raises `UsageError` for a number out of bounds.
    """

    epochs: Annotated[int, Setting("Passes over the training pictures.", 1, 100_000)] = 5
    batch_size: Annotated[int, Setting("Pictures in each step.", 1, TRAIN_PICTURES)] = 200
    lr: Annotated[float, Setting("Peak of the one-cycle learning rate.", 0.0, 1000.0, min_excluded=True)] = 6e-3
    # Each step multiplies the weights by 1 - learning rate * weight decay.
    weight_decay: Annotated[float, Setting("AdamW's weight decay.", 0.0, 1000.0)] = 0.3
    label_smoothing: Annotated[float, Setting("Probability spread evenly over all digits.", 0.0, 0.99)] = 0.1
    # It determines the split, the initial weights, the order, the augmentation and the dropout.
    seed: Annotated[int, Setting("Seed of all random numbers.", 0, 2**63 - 1)] = 0
    validation_size: Annotated[int, Setting("Training pictures kept for validation.", 1, TRAIN_PICTURES - 1)] = 5_000
    skip_easy: Annotated[float, Setting("Fraction skipped from epoch 2 on (lowest loss).", 0.0, 0.99)] = 0.5
    repeat_hard: Annotated[float, Setting("Fraction used twice from epoch 2 on (highest loss).", 0.0, 1.0)] = 0.25
    shift: Annotated[int, Setting("Largest random shift, in pixels.", 0, 14, AUGMENTATION)] = 1
    rotation: Annotated[float, Setting("Largest random rotation, in degrees.", 0.0, 180.0, AUGMENTATION)] = 10.0
    scale: Annotated[float, Setting("Largest random stretch, as a fraction.", 0.0, 0.9, AUGMENTATION)] = 0.1
    shear: Annotated[float, Setting("Largest random slant, as a slope.", 0.0, 2.0, AUGMENTATION)] = 0.1
    elastic: Annotated[float, Setting("Elastic distortion, deviation in pixels.", 0.0, 14.0, AUGMENTATION)] = 0.5
    device: Annotated[str, Setting(f"{DEVICES}; auto takes the best available.", panel=MACHINE)] = "auto"
    precision: Annotated[Precision, Setting("auto, float32 or bfloat16.", panel=MACHINE)] = Precision.AUTO
    # A run resolves and records it: the last bits of the weights depend on it.
    threads: Annotated[int, Setting("CPU threads; 0 lets PyTorch choose, within the quota.", 0, 1024, MACHINE)] = 0
    dataset: Annotated[DatasetName, Setting("mnist or synthetic digits.", panel=DATA)] = DatasetName.MNIST

    @classmethod
    def settings(cls) -> dict[str, tuple[type, Setting]]:
        """Return each field's type and its `Setting`, by name."""
        return {field.name: get_args(field.type) for field in fields(cls)}

    def __post_init__(self) -> None:
        for name, (kind, setting) in self.settings().items():
            if issubclass(kind, StrEnum):
                object.__setattr__(self, name, kind(getattr(self, name)))  # callers may give plain strings
            least = setting.min
            excluded = setting.min_excluded
            value = getattr(self, name)
            if least is not None and (not least <= value <= setting.max or (excluded and value == least)):
                bounds = f"{'more than' if excluded else 'at least'} {least} and at most {setting.max}"
                raise UsageError(f"{name} must be {bounds}, not {value}.", setting=name)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make the settings from what `to_dict` returns. Raises `ValueError`, `TypeError` or `UsageError`."""
        settings = cls.settings()
        if set(values) != set(settings):
            raise ValueError(f"settings {sorted(set(values) ^ set(settings))} missing or unknown")
        for name, (kind, _) in settings.items():
            found = type(values[name])
            if found not in ((str,) if issubclass(kind, str) else (int, kind)):
                raise TypeError(f"setting {name} is {found.__name__}")
        return cls(**values)
