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
TRAIN_PICTURES = 60_000  # MNIST's training pictures, train and validation together

# The names to choose from; a value is its name in lower case, as in `Split.TEST == "test"`.
DatasetName = StrEnum("DatasetName", ["MNIST", "SYNTHETIC"])
Split = StrEnum("Split", ["TRAIN", "VALIDATION", "TEST"])
Precision = StrEnum("Precision", ["AUTO", "FLOAT32", "BFLOAT16"])  # of training steps; what is kept is float32
ExportFormat = StrEnum("ExportFormat", ["ONNX", "SAFETENSORS"])  # each is the suffix of its files too
InputType = StrEnum("InputType", ["UINT8", "FLOAT32"])  # of the images, 0 … 255, that an exported network takes


def check_mirror(url: str | None) -> str | None:
    """`url` with a slash at its end if it is an http(s) address or None; else `UsageError`."""
    if url is None:
        return None
    with suppress(ValueError):  # a bracket that isn't closed, a port that is no number
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url if url.endswith("/") else f"{url}/"
    raise UsageError(f"--mirror {url!r} is not an http:// or https:// address.")


def flag(name: str) -> str:
    """The command-line option of a field: `batch_size` -> `--batch-size`."""
    return "--" + name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a field of `TrainConfig` means, with its unit; the bounds of a number; the panel of its option."""

    help: str
    min: float | None = None
    max: float = math.inf
    panel: str = "Recipe"
    min_excluded: bool = False


AUGMENTATION, MACHINE, DATA = "Augmentation", "Machine", "Data"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig(Result):
    """All that decides which weights a run ends with, beside the machine; `UsageError` for a number out of bounds.

    Each field has its type, its `Setting` and its default; all else that is known of it follows from these.
    """

    epochs: Annotated[int, Setting("Passes over the training pictures.", 1, 100_000)] = 5
    batch_size: Annotated[int, Setting("Pictures in each step.", 1, TRAIN_PICTURES)] = 200
    lr: Annotated[float, Setting("Peak of the one-cycle learning rate.", 0.0, 1000.0, min_excluded=True)] = 6e-3
    weight_decay: Annotated[float, Setting("AdamW's weight decay.", 0.0, 1000.0)] = 0.3  # per step, times the rate
    label_smoothing: Annotated[float, Setting("Probability spread evenly over all digits.", 0.0, 0.99)] = 0.1
    # The split, the first weights, the order, the augmentation and the dropout.
    seed: Annotated[int, Setting("Seed of all random numbers.", 0, 2**63 - 1)] = 0
    validation_size: Annotated[int, Setting("Training pictures kept for validation.", 1, TRAIN_PICTURES - 1)] = 5_000
    skip_easy: Annotated[float, Setting("From epoch 2, fraction left out: lowest loss.", 0.0, 0.99)] = 0.5
    repeat_hard: Annotated[float, Setting("From epoch 2, fraction used twice: highest loss.", 0.0, 1.0)] = 0.25
    shift: Annotated[int, Setting("Largest random shift, in pixels.", 0, 14, AUGMENTATION)] = 1
    rotation: Annotated[float, Setting("Largest random rotation, in degrees.", 0.0, 180.0, AUGMENTATION)] = 10.0
    scale: Annotated[float, Setting("Largest random stretch, as a fraction.", 0.0, 0.9, AUGMENTATION)] = 0.1
    shear: Annotated[float, Setting("Largest random slant, as a slope.", 0.0, 2.0, AUGMENTATION)] = 0.1
    elastic: Annotated[float, Setting("Elastic distortion, deviation in pixels.", 0.0, 14.0, AUGMENTATION)] = 0.5
    device: Annotated[str, Setting(f"{DEVICES}; auto takes the best available.", panel=MACHINE)] = "auto"
    precision: Annotated[Precision, Setting("auto, float32 or bfloat16.", panel=MACHINE)] = Precision.AUTO
    # Resolved when a run begins, and kept with it: the bits of the weights depend on it.
    threads: Annotated[int, Setting("CPU threads; 0 lets PyTorch choose, within the quota.", 0, 1024, MACHINE)] = 0
    dataset: Annotated[DatasetName, Setting("mnist, or synthetic: drawn here.", panel=DATA)] = DatasetName.MNIST

    @classmethod
    def settings(cls) -> dict[str, tuple[type, Setting]]:
        """Each field's type and its `Setting`, by name."""
        return {field.name: get_args(field.type) for field in fields(cls)}

    def __post_init__(self) -> None:
        for name, (kind, setting) in self.settings().items():
            if issubclass(kind, StrEnum):
                object.__setattr__(self, name, kind(getattr(self, name)))  # plain strings will do
            least, value, excluded = setting.min, getattr(self, name), setting.min_excluded
            if least is not None and (not least <= value <= setting.max or (excluded and value == least)):
                bounds = f"{'more than' if excluded else 'at least'} {least} and at most {setting.max}"
                raise UsageError(f"{name} must be {bounds}, not {value}.", setting=name)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The inverse of `to_dict`. Raises `ValueError`, `TypeError` or `UsageError` on anything else."""
        settings = cls.settings()
        if set(values) != set(settings):
            raise ValueError(f"settings {sorted(set(values) ^ set(settings))} missing or unknown")
        for name, (kind, _) in settings.items():
            found = type(values[name])
            if found not in ((str,) if issubclass(kind, str) else (int, kind)):
                raise TypeError(f"setting {name} is {found.__name__}")
        return cls(**values)
