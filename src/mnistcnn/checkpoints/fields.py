"""Checks the fields of checkpoint files: their types, ranges and lengths. No torch.

Each function returns its value, or raises `ValueError` with the reason, such as "its temperature is invalid".
"""

import math
import re
from collections.abc import Collection
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnistcnn.checkpoints.architecture import SHAPES
from mnistcnn.config import DEVICE_SPELLING, DatasetName, Split, TrainConfig
from mnistcnn.errors import MnistCnnError
from mnistcnn.results import Environment, Metrics

# Normalised ink is at most 2.83, and a unit sums over 144, 625, 1,024 and 1,024 inputs: if no weight exceeds this, no
# logit exceeds 3e35, and none overflows.
MOST_WEIGHT = 1e6
MOST_EPOCHS = 100_000  # the bound of `TrainConfig`
MOST_IMAGES = 10**9  # a guess; MNIST has 70,000
_MOST_NAME = 40  # characters of a setting's name or value
_MOST_PATH = 4096  # characters; Linux's PATH_MAX
_MOST_ENVIRONMENT = 500  # characters; a guess, the longest one seen had 120
_MOST_THREADS = 1024  # the bound of `TrainConfig`


def check_dict(value: object, what: str, known: Collection[str | int] | None = None) -> dict[Any, Any]:
    """Check that `value` is a dict; if `known` is given, with no other keys than these."""
    if not isinstance(value, dict):
        raise ValueError(f"it has no {what}")
    if known is not None and not value.keys() <= set(known):
        raise ValueError(f"its {what} are invalid")
    return value


def check_text(value: object, what: str, most: int) -> str:
    """Check that `value` is a string of at most `most` characters."""
    if not isinstance(value, str) or len(value) > most:
        raise ValueError(f"its {what} is invalid")
    return value


def check_integer(value: object, what: str, least: int, most: int) -> int:
    """Check that `value` is an integer from `least` to `most`."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"its {what} is invalid")
    return value


def check_number(value: object, what: str, least: float, most: float) -> float:
    """Check that `value` is a finite number from `least` to `most`; return it as a float."""
    if type(value) not in (int, float) or not least <= value <= most:  # type: ignore[operator]
        raise ValueError(f"its {what} is invalid")
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        raise ValueError(f"its {what} is invalid")
    return number


def check_array(value: object, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Check that `value` is a float array of that shape with finite values; return it as contiguous float32."""
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} is not a tensor")
    if value.shape != shape or value.dtype.kind != "f":
        raise ValueError(f"{name} is {value.dtype} {value.shape}, not float32 {shape}")
    with np.errstate(over="ignore"):  # large float64 values become infinite, which is checked below
        array = np.require(value, np.float32, ["C", "A"])
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has values that are not finite")
    return array


def check_weights(value: object) -> dict[str, NDArray[np.float32]]:
    """Check that `value` is a dict of the network's weights by name, with the shapes of `SHAPES`."""
    weights = check_dict(value, "weights")
    unknown = [name[:_MOST_NAME] if isinstance(name, str) else str(name) for name in weights.keys() ^ SHAPES.keys()]
    if unknown:
        names = ", ".join(sorted(unknown)[:4]) + ", …" * (len(unknown) > 4)
        raise ValueError(f"weights missing or unknown: {names}")
    checked = {name: check_array(weights[name], name, shape) for name, shape in SHAPES.items()}
    for name, array in checked.items():
        if np.abs(array).max() > MOST_WEIGHT:
            raise ValueError(f"{name} has values beyond ±{MOST_WEIGHT:,.0f}")
    return checked


def check_config(value: object) -> TrainConfig:
    """Check the settings, a dict from `TrainConfig.to_dict`."""
    settings = check_dict(value, "settings")
    if len(settings) > len(TrainConfig.settings()):
        raise ValueError("its settings are invalid")
    for name, setting in settings.items():
        # The messages of `from_dict` repeat names and values, which must not be megabytes long.
        if any(isinstance(text, str) and len(text) > _MOST_NAME for text in (name, setting)):
            raise ValueError("its settings are invalid")
    try:
        config = TrainConfig.from_dict(settings)
    except (ValueError, TypeError, MnistCnnError) as error:
        raise ValueError(f"its settings are invalid ({error})") from error
    if not re.fullmatch(DEVICE_SPELLING, config.device):
        raise ValueError("its settings are invalid (the device)")
    return config


def check_data(value: object) -> dict[str, Any]:
    """Check the description of the data, a dict from `DataSplits.describe`."""
    data = check_dict(value, "data", ("dataset", "folder", *Split))
    if "dataset" in data:
        DatasetName(check_text(data["dataset"], "data", _MOST_NAME))
    if "folder" in data:
        check_text(data["folder"], "folder", _MOST_PATH)
    for split in data.keys() & set(Split):
        check_integer(data[split], f"count of {split} pictures", 0, MOST_IMAGES)
    return data


def check_metrics(value: object, what: str) -> Metrics:
    """Check accuracy, loss and count."""
    found = check_dict(value, f"{what} metrics", ("accuracy", "loss", "count"))
    return Metrics(
        accuracy=check_number(found.get("accuracy"), f"{what} accuracy", 0, 1),
        loss=check_number(found.get("loss"), f"{what} loss", 0, math.inf),
        count=check_integer(found.get("count"), f"{what} count", 1, MOST_IMAGES),
    )


def check_environment(value: object) -> Environment:
    """Check the environment, a dict from `Environment.to_dict`."""
    found = check_dict(value, "environment", [field.name for field in fields(Environment)])
    for name, entry in found.items():
        if name == "threads":
            check_integer(entry, "number of threads", 0, _MOST_THREADS)
        else:
            check_text(entry, name.replace("_", " "), _MOST_ENVIRONMENT)
    return Environment.from_dict(found)
