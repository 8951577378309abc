"""Saves unfinished runs and resumes them: the file, its checks, and the settings of the resumed run."""

import math
from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mnistcnn.checkpoints.architecture import SHAPES
from mnistcnn.checkpoints.archive import load_archive
from mnistcnn.checkpoints.fields import (
    MOST_IMAGES,
    check_array,
    check_config,
    check_data,
    check_dict,
    check_integer,
    check_metrics,
    check_number,
    check_weights,
)
from mnistcnn.config import Split, TrainConfig, flag
from mnistcnn.data.dataset import DataSplits
from mnistcnn.errors import CheckpointError, OutputError, TrainingError, UsageError, first_line
from mnistcnn.events import EpochResult, Note, Observer
from mnistcnn.network.tensors import save_archive, to_tensor
from mnistcnn.system.storage import Files, exists
from mnistcnn.training.sampler import HardExampleSampler
from mnistcnn.training.trainer import RunningMetrics, Trainer, TrainerState, best_of

FORMAT = 2
KIND = "mnistcnn unfinished run"
_MOST_SECONDS = 1e9  # 30 years
_MOST_RATE = 1000.0  # the bound of `TrainConfig`
_LEAST_SPEED = 1e-9  # images per second; above 0 because it is a divisor


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedRun:
    """A stopped run: its settings, its data and the trainer's state."""

    config: TrainConfig
    data: dict[str, Any]  # from `DataSplits.describe`
    seconds: float  # the time spent on the run so far
    state: TrainerState


def find_unfinished(files: Files, *, resume: bool, restart: bool) -> UnfinishedRun | None:
    """Load the run to resume, if `resume` is set.

    Raises `UsageError`, `CheckpointError`, or `TrainingError` if the options don't fit the unfinished run or its lack.
    """
    if resume and restart:
        raise UsageError("--resume and --restart cannot be used together.")
    found = exists(files.unfinished)
    if resume and not found:
        raise TrainingError(f"There is no unfinished run {files.unfinished}.", "Start one with `mnistcnn train`.")
    if found and not resume and not restart:
        hint = "Continue it with `mnistcnn train --resume`, or discard it with `mnistcnn train --restart`."
        raise TrainingError(f"There is an unfinished run: {files.unfinished}.", hint)
    return load_unfinished(files.unfinished) if resume else None


def merge_settings(stored: TrainConfig, wanted: TrainConfig, given: Iterable[str], observer: Observer) -> TrainConfig:
    """Return the stored settings, with `epochs` and `device` from `wanted` if these are `given`.

    Raises `UsageError` if any other given setting differs from the stored one.
    """
    changed = {name: getattr(wanted, name) for name in given if getattr(stored, name) != getattr(wanted, name)}
    for name, value in changed.items():
        if name not in ("epochs", "device"):
            message = f"The unfinished run was started with {flag(name)} {getattr(stored, name)}, not {value}."
            raise UsageError(message, f"Leave out {flag(name)} to continue, or start again with --restart.")
    if "epochs" in changed:
        message = (
            f"The learning rate, planned for {stored.epochs} epochs, is now planned for {wanted.epochs}: the weights "
            f"will differ from those of a run started with {wanted.epochs} epochs."
        )
        observer(Note(message, warning=True))
    return replace(stored, **changed)


def take_up(trainer: Trainer, unfinished: UnfinishedRun, data: DataSplits, files: Files) -> None:
    """Load the state of an unfinished run into `trainer`.

    Raises `UsageError` if its data or epochs don't fit the trainer's, `TrainingError` if its state doesn't.
    """
    state = unfinished.state
    epochs = trainer.config.epochs
    done = len(state.history) + (state.step > 0)
    if epochs < done:
        raise UsageError(f"The unfinished run is already in epoch {done}; --epochs {epochs} is too few.")
    now = data.describe()
    if any(now[split] != unfinished.data.get(split) for split in Split):
        message = f"{data.folder} does not hold the pictures that the unfinished run was trained on."
        raise UsageError(message, "Give the same --data-dir as at its start.")
    try:
        trainer.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        message = f"{files.unfinished} can't be resumed: {first_line(error)}."
        raise TrainingError(message, "Start again with --restart.") from error


def save_unfinished(path: Path, run: UnfinishedRun) -> None:
    """Write an unfinished run atomically. Raises `OutputError`; the state saved before is kept then."""
    about = {"config": run.config.to_dict(), "data": run.data, "seconds": run.seconds}
    state = run.state
    history = state.history
    content = {
        "weights": state.weights,
        "optimizer": state.optimizer,
        **state.sampler,
        "epoch": len(history) + 1,
        "step": state.step,
        "tally": list(astuple(state.running)),
        "history": [asdict(epoch) for epoch in history],
        "best_epoch": best_of(history).epoch if history else 0,
        "best_weights": state.best_weights,
    }
    try:
        save_archive(path, {"format": FORMAT, "kind": KIND, **about, "state": content})
    except OutputError as error:
        if not exists(path):
            raise OutputError(f"{error.message} No state was saved before.", error.hint) from error
        hint = f"{error.hint or ''} `mnistcnn train --resume` continues.".strip()
        raise OutputError(f"{error.message} The state saved before is in {path}.", hint) from error


def load_unfinished(path: Path) -> UnfinishedRun:
    """Read an unfinished run and check that its parts fit together. Raises `CheckpointError` with path and reason."""
    hint = "`mnistcnn train --restart` starts again and replaces it."
    content = load_archive(path, "an unfinished run", hint)
    try:
        if content.get("kind") != KIND or content.get("format") != FORMAT:
            raise ValueError("it has another format")
        config = check_config(content.get("config"))
        data = check_data(content.get("data"))
        seconds = check_number(content.get("seconds"), "time", 0, _MOST_SECONDS)
        state = _read_state(check_dict(content.get("state"), "state"), config, data)
    except ValueError as error:
        message = f"{path} is not an unfinished run that can be resumed: {error}."
        raise CheckpointError(message, hint) from error
    return UnfinishedRun(config=config, data=data, seconds=seconds, state=state)


def _read_state(content: dict[str, Any], config: TrainConfig, data: dict[str, Any]) -> TrainerState:
    sizes = {split: check_integer(data.get(split), f"count of {split} pictures", 1, MOST_IMAGES) for split in Split}
    sampler = HardExampleSampler(sizes[Split.TRAIN], config)
    records = content.get("history")
    if not isinstance(records, list) or len(records) > config.epochs:
        raise ValueError("its history is invalid")
    history = [
        _read_epoch(record, number, sampler.epoch_length(number), sizes[Split.VALIDATION])
        for number, record in enumerate(records, start=1)
    ]
    best = best_of(history).epoch if history else 0
    if content.get("epoch") != len(history) + 1 or content.get("best_epoch") != best:
        raise ValueError("its epochs don't add up")
    length = sampler.epoch_length(len(history) + 1) if len(history) < config.epochs else 0
    step = check_integer(content.get("step"), "step", 0, -(-length // config.batch_size))
    weights = check_weights(content.get("weights"))
    best_weights = check_weights(content.get("best_weights")) if history else {}
    losses = check_array(content.get("losses"), "losses", (3, sizes[Split.TRAIN]))
    if losses.min() < 0:
        raise ValueError("its losses are invalid")
    return TrainerState(
        weights=_to_tensors(weights),
        optimizer=_read_optimizer(content.get("optimizer")),
        sampler={"losses": to_tensor(losses)},
        step=step,
        running=_read_tally(content.get("tally"), min(step * config.batch_size, length)),
        history=history,
        best_weights=_to_tensors(best_weights),
    )


def _read_epoch(record: object, number: int, images: int, validation_images: int) -> EpochResult:
    """Check the record of epoch `number` (from 1), which trained on `images` and was measured on the others."""
    found = check_dict(record, "epoch", [field.name for field in fields(EpochResult)])
    train, validation = (check_metrics(found.get(split), split) for split in ("train", "validation"))
    if found.get("epoch") != number or (train.count, validation.count) != (images, validation_images):
        raise ValueError("its epochs don't add up")
    return EpochResult(
        epoch=number,
        learning_rate=check_number(found.get("learning_rate"), "learning rate", 0, _MOST_RATE),
        train=train,
        validation=validation,
        seconds=check_number(found.get("seconds"), "time", 0, _MOST_SECONDS),
        pictures_per_second=check_number(found.get("pictures_per_second"), "speed", _LEAST_SPEED, MOST_IMAGES),
    )


def _read_tally(value: object, images: int) -> RunningMetrics:
    """Check the sums of the epoch in progress, over `images` images."""
    if not isinstance(value, list) or len(value) != len(fields(RunningMetrics)):
        raise ValueError("its tally is invalid")
    loss, correct, count, seconds = value
    return RunningMetrics(
        loss=check_number(loss, "tally", 0, math.inf),
        correct=check_integer(correct, "tally", 0, images),
        count=check_integer(count, "tally", images, images),
        seconds=check_number(seconds, "tally", 0, _MOST_SECONDS),
    )


def _read_optimizer(value: object) -> dict[int, dict[str, torch.Tensor]]:
    """Check AdamW's step and moments of each parameter."""
    content = check_dict(value, "optimizer", range(len(SHAPES)))
    state = {}
    for number, (name, shape) in enumerate(SHAPES.items()):
        part = check_dict(content.get(number), f"optimizer's state of {name}", ("step", "exp_avg", "exp_avg_sq"))
        step = check_array(part.get("step"), f"the optimizer's step of {name}", ())
        mean = check_array(part.get("exp_avg"), f"the optimizer's exp_avg of {name}", shape)
        square = check_array(part.get("exp_avg_sq"), f"the optimizer's exp_avg_sq of {name}", shape)
        if step < 0 or square.min() < 0:
            raise ValueError(f"the optimizer's state of {name} is invalid")
        state[number] = {"step": to_tensor(step), "exp_avg": to_tensor(mean), "exp_avg_sq": to_tensor(square)}
    return state


def _to_tensors(arrays: dict[str, NDArray[np.float32]]) -> dict[str, torch.Tensor]:
    return {name: to_tensor(array) for name, array in arrays.items()}
