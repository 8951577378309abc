"""Unfinished runs: when one is resumed, with which settings, and its file beside the checkpoint to come."""

from collections.abc import Iterable
from dataclasses import asdict, astuple, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import torch

from mnistcnn.archive import check_config, check_plain, check_weights, load_archive, save_archive
from mnistcnn.config import Split, TrainConfig, flag
from mnistcnn.data import DataSplits
from mnistcnn.errors import CheckpointError, OutputError, TrainingError, UsageError, first_line
from mnistcnn.events import EpochResult, Note, Observer
from mnistcnn.results import Metrics
from mnistcnn.storage import Files, exists
from mnistcnn.training.trainer import RunningMetrics, Trainer, TrainerState, best_of

FORMAT = 2
KIND = "mnistcnn unfinished run"


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A run that was stopped: its settings, what it was trained on, and the trainer's state."""

    config: TrainConfig
    data: dict[str, Any]  # `DataSplits.describe`
    seconds: float  # spent on it so far
    state: TrainerState


def find_unfinished(files: Files, *, resume: bool, restart: bool) -> UnfinishedRun | None:
    """The run to resume, if any; `UsageError` or `TrainingError` where the options don't fit what is there."""
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
    """The stored settings, with `epochs` and `device` from `wanted` if given; `UsageError` for other differences."""
    changed = {name: getattr(wanted, name) for name in given if getattr(stored, name) != getattr(wanted, name)}
    for name, value in changed.items():
        if name not in ("epochs", "device"):
            told = f"The unfinished run was started with {flag(name)} {getattr(stored, name)}, not {value}."
            raise UsageError(told, f"Leave out {flag(name)} to continue, or start again with --restart.")
    if "epochs" in changed:
        told = f"The learning rate, planned for {stored.epochs} epochs, is now planned for {wanted.epochs}: the weights"
        observer(Note(f"{told} will differ from those of a run started with {wanted.epochs} epochs.", warning=True))
    return replace(stored, **changed)


def take_up(trainer: Trainer, unfinished: UnfinishedRun, data: DataSplits, files: Files) -> None:
    """Let `trainer` go on where the unfinished run stands; `UsageError` where its data or epochs are others."""
    state, epochs = unfinished.state, trainer.config.epochs
    done = len(state.history) + (state.step > 0)
    if epochs < done:
        raise UsageError(f"The unfinished run is already in epoch {done}; --epochs {epochs} is too few.")
    now = data.describe()
    if any(now[split] != unfinished.data.get(split) for split in Split):
        told = f"{data.folder} does not hold the pictures that the unfinished run was trained on."
        raise UsageError(told, "Give the same --data-dir as at its start.")
    try:
        trainer.load_state_dict(state)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        told = f"{files.unfinished} can't be resumed: {first_line(error)}."
        raise TrainingError(told, "Start again with --restart.") from error


def save_unfinished(path: Path, run: UnfinishedRun) -> None:
    """Write it atomically. Raises `OutputError`; what was saved before is still there then."""
    about = {"config": run.config.to_dict(), "data": run.data, "seconds": run.seconds}
    state, history = run.state, run.state.history
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
            raise OutputError(f"{error.message} Nothing was saved before.", error.hint) from error
        hint = f"{error.hint or ''} `mnistcnn train --resume` continues.".strip()
        raise OutputError(f"{error.message} What was saved before is in {path}.", hint) from error


def load_unfinished(path: Path) -> UnfinishedRun:
    """Read and check it. Raises `CheckpointError` naming file and reason."""
    content = load_archive(path)
    try:
        if content.get("kind") != KIND or content.get("format") != FORMAT:
            raise ValueError("it has another format")
        config, data = check_config(content.get("config")), check_plain(content.get("data"), "data")
        return UnfinishedRun(config, data, float(content.get("seconds", 0.0)), _read_state(content.get("state")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        message = f"{path} is not an unfinished run that can be resumed: {error}."
        raise CheckpointError(message, "`mnistcnn train --restart` starts again and replaces it.") from error


def _read_state(content: object) -> TrainerState:
    if not isinstance(content, dict):
        raise ValueError("it holds no state")
    weights, optimizer = check_weights(content.get("weights")), content["optimizer"]
    for (number, (name, weight)), key in product(enumerate(weights.items()), ("exp_avg", "exp_avg_sq")):
        moment = optimizer.get(number, {}).get(key)
        if moment is None or moment.shape != weight.shape or not torch.isfinite(moment).all():
            raise ValueError(f"the optimizer's {key} of {name} makes no sense")
    plain = check_plain({key: content[key] for key in ("history", "tally", "epoch", "step")}, "progress")
    history = [
        EpochResult(**{**record, **{split: Metrics(**record[split]) for split in ("train", "validation")}})
        for record in plain["history"]
    ]
    step, best_weights = int(plain["step"]), check_weights(content["best_weights"]) if history else {}
    if plain["epoch"] != len(history) + 1 or step < 0:
        raise ValueError("its epochs don't add up")
    running, sampler = RunningMetrics(*plain["tally"]), {"losses": content["losses"]}
    return TrainerState(weights, optimizer, sampler, step, running, history, best_weights)
