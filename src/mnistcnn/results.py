"""What the functions of this package return: frozen, plain, printable by anyone. Imports nothing heavy.

Every `loss` is a mean cross-entropy in nats, every `accuracy` and probability a fraction in [0, 1],
every `seconds` wall-clock time.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

SCHEMA = 1  # of every JSON document; raised when a key changes its meaning or goes away


def plain(value: Any) -> Any:
    """Plain JSON types only: paths become strings, tuples lists, numbers that aren't finite None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, PurePath) else value


def to_json(document: Mapping[str, Any]) -> str:
    """One valid JSON document in ASCII, whatever is in it; `"schema"` comes first."""
    return json.dumps(plain({"schema": SCHEMA, **document}), indent=2, allow_nan=False)


@dataclass(frozen=True, slots=True)
class Result:
    """A result that can be turned into plain types."""

    def to_dict(self) -> dict[str, Any]:
        """The same as nested dicts, lists, strings and numbers."""
        return dict(plain(asdict(self)))


@dataclass(frozen=True, slots=True)
class Metrics(Result):
    """How well a set of pictures is read."""

    accuracy: float
    loss: float
    count: int


@dataclass(frozen=True, slots=True)
class StepResult(Result):
    """Where training stands within an epoch; the metrics are those of the epoch so far."""

    epoch: int  # from 1
    step: int  # steps done in this epoch
    steps: int  # steps in this epoch
    done_steps: int  # steps done in the whole run
    all_steps: int  # steps in the whole run
    train: Metrics
    pictures_per_second: float


@dataclass(frozen=True, slots=True)
class EpochResult(Result):
    """One finished epoch.

    `train` was measured on the way: augmented pictures, dropout, moving weights, from the second epoch on the
    hard pictures most of all.
    """

    epoch: int  # from 1
    learning_rate: float  # of its last step
    train: Metrics
    validation: Metrics
    seconds: float
    pictures_per_second: float  # in training alone, without validation


@dataclass(frozen=True, slots=True)
class Note(Result):
    """Something the user should know, in one line."""

    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Transfer(Result):
    """Bytes that have come (or pictures that have been drawn) so far; `total` 0 when it isn't known."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TrainStart(Result):
    """What is about to be trained on what; `first_step` is above 0 when an unfinished run goes on."""

    epochs: int
    steps: int  # in the whole run
    done_steps: int  # when an unfinished run goes on
    first_epoch: int
    first_step: int
    environment: dict[str, Any]
    data: dict[str, Any]


Event = StepResult | EpochResult | Note | Transfer | TrainStart
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer of those who don't want to know."""


@dataclass(frozen=True, slots=True)
class TrainResult(Result):
    """A finished training run."""

    checkpoint: str
    output_dir: str
    files: list[str]
    train: Metrics  # of the kept epoch, as measured on the way
    validation: Metrics
    test: Metrics
    best_epoch: int
    temperature: float
    epochs: list[EpochResult]
    seconds: float
    pictures_per_second: float
    config: dict[str, Any]
    environment: dict[str, Any]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class DigitScore(Result):
    """One digit's row: how many there are, and precision, recall and F1 (0 where undefined)."""

    digit: int
    count: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Evaluation(Result):
    """A network measured on one split. `confusion_matrix[t][p]` counts digits t that were read as p."""

    checkpoint: str
    dataset: str
    trained_on: str | None
    split: str
    count: int
    accuracy: float
    accuracy_interval: tuple[float, float]  # Wilson's 95 %
    loss: float
    confusion_matrix: list[list[int]]
    per_digit: list[DigitScore]
    calibration_error: float  # expected calibration error, 15 equal bins, after the temperature
    temperature: float
    seconds: float
    pictures_per_second: float
    environment: dict[str, Any]
    files: list[str]


@dataclass(frozen=True, slots=True)
class Candidate(Result):
    """A digit and its probability."""

    digit: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Prediction(Result):
    """What one picture was read as. `digit` is None when there was an error or it is unsure."""

    path: str
    digit: int | None
    confidence: float | None
    top: list[Candidate]
    warning: str | None = None  # nothing on it, or no single digit
    error: str | None = None
    unsure: bool = False


@dataclass(frozen=True, slots=True)
class Drawing(Result):
    """What a drawing was read as, and what the network saw of it on the way.

    Where there is nothing but background there is no digit, no confidence, and no probability.
    """

    digit: int | None
    confidence: float | None
    probabilities: list[float]  # of the ten digits; empty without a digit
    warning: str | None  # nothing on it, or no single digit
    frame: list[list[int]]  # 28 rows of 28, 0 paper … 255 ink
    responses: list[list[list[int]]]  # of the 25 filters of the first layer, 9 rows of 9, 0 … 255 the strongest
    seconds: float


@dataclass(frozen=True, slots=True)
class Export(Result):
    """A file for other programs; what is None doesn't apply to its format."""

    path: str
    format: str
    checkpoint: str
    size: int  # bytes
    input_type: str | None
    opset: int | None
    largest_difference: float | None  # of a probability, from the original network
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True)
class LayerSummary(Result):
    """One layer; `output` without the batch dimension; multiply-adds for one picture."""

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
    """The network layer by layer; `memory_bytes` are activations and weights in float32."""

    layers: list[LayerSummary]
    parameters: int
    multiply_adds: int
    batch_size: int
    forward_bytes: int
    training_bytes: int
    initialisation: str
    checkpoint: dict[str, Any]
    files: list[str]
