"""The end of a training run: the kept weights are calibrated, tested and written, then history and plots."""

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
from mnistcnn.data import DataSplits
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
    environment: Environment
    data: dict[str, Any]


def output_paths(files: Files) -> list[Path]:
    """What a run writes beside its checkpoint."""
    return [files.output_dir / name for name in (HISTORY, CURVES, CONFUSION, MISTAKES)]


def finish(trainer: Trainer, data: DataSplits, files: Files, started: float, observer: Observer) -> TrainResult:
    """Calibrate and test the kept weights, write the checkpoint, then plots and history; the run isn't unfinished then.

    The network of another run that the checkpoint replaces is kept beside it. `started` is the `time.perf_counter`
    of the run's beginning. Raises `OutputError`; where it was a plot that failed, the checkpoint has been written.
    """
    observer(Stage("Testing"))
    result, logits = _test(trainer, data, files)
    if not trainer.world.is_main:
        return result
    _warn(result, observer)
    metrics = {key: result.to_dict()[key] for key in ("train", "validation", "test", "best_epoch")}
    created = datetime.now(UTC).isoformat(timespec="seconds")
    about = (result.temperature, trainer.config, result.data, metrics, result.environment, created)
    checkpoint = Checkpoint(files.checkpoint, to_arrays(trainer.best_weights), *about)
    safe = files.unfinished
    try:
        _keep_previous(files, trainer.best_weights, observer)
        save_checkpoint(checkpoint)
        safe = files.checkpoint
        observer(Stage("Drawing plots"))
        steps = (i * (trainer.all_steps - 1) // 399 for i in range(400))  # of the learning rate's curve
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
    """Say that a network is of no use, or that its confidence isn't."""
    validation = result.validation
    if may_be_chance(validation.accuracy, validation.count):
        told = (
            f"The network reads {100 * validation.accuracy:.2f} % of the validation pictures, no better than chance. "
        )
        told += "It is saved, "
        told += "but other commands use it only if you name it. Try a smaller --lr or more --epochs."
        observer(Note(told, warning=True))
    elif is_at_bound(result.temperature):
        told = (
            f"The temperature is at its bound, {result.temperature:g}: the calibration of the confidence means nothing."
        )
        observer(Note(told, warning=True))


def _test(trainer: Trainer, data: DataSplits, files: Files) -> tuple[TrainResult, torch.Tensor]:
    """The result of the run, but for its `seconds`, and the logits of the test images."""
    compute, world, history = trainer.compute, trainer.world, trainer.history
    best, model = best_of(history), build_model(to_arrays(trainer.best_weights), compute)
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
    """Copy the network that is about to be replaced, unless this very run has written it before it was resumed."""
    if not exists(files.checkpoint):
        return
    with suppress(CheckpointError):
        previous = load_checkpoint(files.checkpoint).weights
        if all(np.array_equal(previous[name], array) for name, array in to_arrays(weights).items()):
            return
    write_atomically(files.previous, files.checkpoint.read_bytes())
    observer(Note(f"The previous network is kept in {files.previous}."))
