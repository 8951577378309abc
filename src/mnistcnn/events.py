"""What observers are told while something runs. Imports nothing heavy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mnistcnn.results import Environment, Metrics, Result


@dataclass(frozen=True, slots=True)
class Note(Result):
    """Something the user should know, in one line."""

    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Stage(Result):
    """What is being done now, without a measure of how far it is."""

    what: str


@dataclass(frozen=True, slots=True)
class Transfer(Result):
    """Bytes that have come (or images that have been drawn) so far; `total` is 0 when it isn't known."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class TrainStart(Result):
    """What is about to be trained, and on what."""

    epochs: int
    steps: int  # in the whole run
    done_steps: int  # above 0 when an unfinished run goes on
    first_epoch: int
    first_step: int
    environment: Environment
    data: dict[str, Any]


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
    """One finished epoch."""

    epoch: int  # from 1
    learning_rate: float  # of its last step
    train: Metrics  # on the way: augmented, with dropout and moving weights, later mostly of hard images
    validation: Metrics
    seconds: float
    pictures_per_second: float  # in training alone, without validation


Event = Note | Stage | Transfer | TrainStart | StepResult | EpochResult
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The observer of those who don't want to know."""
