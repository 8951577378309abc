"""Ends a training run: calibrates, tests and writes the kept weights, then the plots and the history."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnistcnn.accuracy import may_be_chance
from mnistcnn.checkpoints.calibration import fit_temperature, is_at_bound, probabilities
from mnistcnn.checkpoints.checkpoint import Checkpoint, load_checkpoint
from mnistcnn.config import Split
from mnistcnn.data.dataset import DataSplits
from mnistcnn.errors import CheckpointError, OutputError
from mnistcnn.evaluation import confusion_matrix
from mnistcnn.events import EpochResult, Note, Observer, Stage
from mnistcnn.network.inference import compute_metrics, predict_logits
from mnistcnn.network.model import build_model
from mnistcnn.network.tensors import save_checkpoint, to_arrays
from mnistcnn.plots import CONFUSION, CURVES, MISTAKES, data_title, plot_confusion, plot_mistakes, plot_training
from mnistcnn.results import Environment, Metrics, Result
from mnistcnn.system.storage import Files, exists, write_atomically
from mnistcnn.training.history import HISTORY, write_history
from mnistcnn.training.optimizer import learning_rate
from mnistcnn.training.trainer import Trainer, best_of


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainResult(Result):
    """The result of a finished training run."""

    checkpoint: str
    output_dir: str
    files: list[str]
    train: Metrics  # the running average of the kept epoch
    validation: Metrics
    test: Metrics
    best_epoch: int
    temperature: float
    epochs: list[EpochResult]
    seconds: float
    pictures_per_second: float
    config: dict[str, Any]
    environment: Environment
    data: dict[str, Any]


def output_paths(files: Files) -> list[Path]:
    """Return the paths that a run writes besides its checkpoint."""
    return [files.output_dir / name for name in (HISTORY, CURVES, CONFUSION, MISTAKES)]


def finish(trainer: Trainer, data: DataSplits, files: Files, started: float, observer: Observer) -> TrainResult:
    """Calibrate and test the kept weights, write checkpoint, plots and history, and remove the unfinished state.

    If the checkpoint replaces the network of another run, that one is kept as `Files.previous`. `started` is the value
    of `time.perf_counter` at the run's beginning. Raises `OutputError`, which says where the weights are.
    """
    observer(Stage("Testing"))
    result, logits = _test(trainer, data, files)
    if not trainer.world.is_main:
        return result
    _warn(result, observer)
    metrics = {key: result.to_dict()[key] for key in ("train", "validation", "test", "best_epoch")}
    checkpoint = Checkpoint(
        path=files.checkpoint,
        weights=to_arrays(trainer.best_weights),
        temperature=result.temperature,
        config=trainer.config,
        data=result.data,
        metrics=metrics,
        environment=result.environment,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    safe = files.unfinished
    try:
        _keep_previous(files, trainer.best_weights, observer)
        save_checkpoint(checkpoint)
        safe = files.checkpoint
        observer(Stage("Drawing plots"))
        steps = (i * (trainer.all_steps - 1) // 399 for i in range(400))  # the learning rate's curve has 400 points
        rates = [learning_rate(step, trainer.all_steps, trainer.config.lr) for step in steps]
        plot_training(files.output_dir, result.epochs, result.best_epoch, rates, data.name)
        title = data_title(data.name, Split.TEST)
        plot_confusion(files.output_dir, confusion_matrix(logits, data.test.labels), title)
        plot_mistakes(files.output_dir, data.test, probabilities(logits.numpy(), result.temperature), title)
        result = replace(result, seconds=time.perf_counter() - started)
        write_history(files, result.to_dict())
    except OutputError as error:
        message = f"{error.message} The weights are safe in {safe}."
        hint = f"{error.hint or ''} `mnistcnn train --resume` writes the rest.".strip()
        raise OutputError(message, hint) from error
    files.unfinished.unlink(missing_ok=True)
    return result


def _warn(result: TrainResult, observer: Observer) -> None:
    """Warn if the network reads no better than chance, or if its confidence is not calibrated."""
    validation = result.validation
    if may_be_chance(validation.accuracy, validation.count):
        message = (
            f"The network reads {100 * validation.accuracy:.2f} % of the validation pictures correctly, no better than "
            "chance. It is saved, but other commands use it only if you name it. "
            "Try a smaller --lr or more --epochs."
        )
        observer(Note(message, warning=True))
    elif is_at_bound(result.temperature):
        bound = f"The temperature is at a bound of its search, {result.temperature:g}"
        observer(Note(f"{bound}: the confidence is not calibrated.", warning=True))


def _test(trainer: Trainer, data: DataSplits, files: Files) -> tuple[TrainResult, torch.Tensor]:
    """Calibrate and test the kept weights; return the result, still without `seconds`, and the test logits."""
    compute = trainer.compute
    world = trainer.world
    history = trainer.history
    best = best_of(history)
    model = build_model(to_arrays(trainer.best_weights), compute)
    validation = predict_logits(model, data.validation.images, compute, world=world)
    test = predict_logits(model, data.test.images, compute, world=world)
    seconds = sum(epoch.train.count / epoch.pictures_per_second for epoch in history)
    result = TrainResult(
        checkpoint=str(files.checkpoint),
        output_dir=str(files.output_dir),
        files=[str(path) for path in (files.checkpoint, *output_paths(files))],
        train=best.train,
        validation=compute_metrics(validation, data.validation.labels),
        test=compute_metrics(test, data.test.labels),
        best_epoch=best.epoch,
        temperature=fit_temperature(validation.numpy(), data.validation.labels.cpu().numpy()),
        epochs=list(history),
        seconds=0.0,
        pictures_per_second=sum(epoch.train.count for epoch in history) / seconds,
        config=trainer.config.to_dict(),
        environment=compute.environment(),
        data=data.describe(),
    )
    return result, test


def _keep_previous(files: Files, weights: dict[str, torch.Tensor], observer: Observer) -> None:
    """Copy the network that is about to be replaced, unless this run wrote it before it was resumed."""
    if not exists(files.checkpoint):
        return
    with suppress(CheckpointError):
        previous = load_checkpoint(files.checkpoint).weights
        if all(np.array_equal(previous[name], array) for name, array in to_arrays(weights).items()):
            return
    write_atomically(files.previous, files.checkpoint.read_bytes())
    observer(Note(f"The previous network is kept in {files.previous}."))
