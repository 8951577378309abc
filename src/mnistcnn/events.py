"""The events that observers receive while something runs. Imports nothing heavy."""

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
    """The beginning of work whose progress isn't measured."""

    what: str


@dataclass(frozen=True, slots=True)
class Transfer(Result):
    """The bytes received, or images drawn or read, so far; `total` is 0 if it isn't known."""

    what: str
    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStart(Result):
    """The beginning of a training run, or of the rest of a resumed one."""

    epochs: int
    steps: int  # in the whole run
    done_steps: int  # above 0 when an unfinished run is resumed
    first_epoch: int
    first_step: int
    environment: Environment
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult(Result):
    """The progress within an epoch; `train` is the running average since its beginning."""

    epoch: int  # from 1
    step: int  # steps done in this epoch
    steps: int  # steps in this epoch
    done_steps: int  # steps done in the whole run
    all_steps: int  # steps in the whole run
    train: Metrics
    pictures_per_second: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochResult(Result):
    """One finished epoch."""

    epoch: int  # from 1
    learning_rate: float  # of its last step
    train: Metrics  # running average: augmented images, dropout, changing weights; from epoch 2 on more hard images
    validation: Metrics
    seconds: float
    pictures_per_second: float  # in training alone, without validation


Event = Note | Stage | Transfer | TrainStart | StepResult | EpochResult
Observer = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Observe nothing."""
