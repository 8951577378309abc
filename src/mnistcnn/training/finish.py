"""The end of a training run: the kept weights are calibrated, tested and written, then history and plots."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from mnistcnn.calibration import fit_temperature, probabilities
from mnistcnn.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from mnistcnn.config import Files
from mnistcnn.data import DataSplits
from mnistcnn.errors import CheckpointError, OutputError
from mnistcnn.evaluation import confusion_matrix
from mnistcnn.events import EpochResult, Note, Observer, ignore
from mnistcnn.metrics import compute_metrics, predict_logits
from mnistcnn.plots import CONFUSION, CURVES, MISTAKES, plot_evaluation, plot_training
from mnistcnn.results import Environment, Metrics, Result, to_json
from mnistcnn.storage import write_atomically
from mnistcnn.training.trainer import Trainer, learning_rate

HISTORY = "history.json"
_RATE_POINTS = 400  # of the learning rate's curve


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


def finish(
    trainer: Trainer, data: DataSplits, files: Files, started: float, observer: Observer = ignore
) -> TrainResult:
    """Calibrate and test the kept weights, write the checkpoint, then history and plots.

    The network of another run that the checkpoint replaces is kept beside it.

    `started` is the `time.perf_counter` of the run's beginning. Raises `OutputError`; where it was a plot
    that failed, the checkpoint has been written.
    """
    compute, world = trainer.compute, trainer.world
    draft = Checkpoint(files.checkpoint, trainer.best_weights)
    model = draft.build_model(compute)
    validation_logits = predict_logits(model, data.validation.images, compute, world=world)
    test_logits = predict_logits(model, data.test.images, compute, world=world)
    validation = compute_metrics(validation_logits, data.validation.labels)
    test = compute_metrics(test_logits, data.test.labels)
    best = trainer.history[trainer.best_epoch - 1]
    checkpoint = replace(
        draft,
        temperature=fit_temperature(validation_logits, data.validation.labels),
        config=trainer.config,
        data=data.describe(),
        metrics={
            "train": best.train.to_dict(),
            "validation": validation.to_dict(),
            "test": test.to_dict(),
            "best_epoch": trainer.best_epoch,
        },
        environment=compute.environment(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    result = _result(checkpoint, trainer, validation, test, files)
    if not world.is_main:
        return result
    safe = files.unfinished
    try:
        _keep_previous(files, checkpoint, observer)
        save_checkpoint(checkpoint)
        safe = files.checkpoint
        _plot(trainer, data, test_logits, checkpoint.temperature, files)
        result = replace(result, seconds=time.perf_counter() - started)
        write_atomically(files.output_dir / HISTORY, to_json(result.to_dict()).encode() + b"\n")
    except OutputError as error:
        raise OutputError(
            f"{error.message} The weights are safe in {safe}.",
            "When there is room, `mnistcnn train --resume` writes the rest.",
        ) from error
    return result


def _keep_previous(files: Files, checkpoint: Checkpoint, observer: Observer) -> None:
    """Copy the network that is about to be replaced, unless this very run has written it before it was resumed."""
    if not files.checkpoint.exists():
        return
    with suppress(CheckpointError):
        old, new = load_checkpoint(files.checkpoint).weights, checkpoint.weights
        if all(torch.equal(old[name], new[name]) for name in new):
            return
    write_atomically(files.previous, files.checkpoint.read_bytes())
    observer(Note(f"The network that was in {files.checkpoint} is kept in {files.previous}."))


def _result(checkpoint: Checkpoint, trainer: Trainer, validation: Metrics, test: Metrics, files: Files) -> TrainResult:
    history = trainer.history
    seconds = sum(epoch.train.count / epoch.pictures_per_second for epoch in history)
    return TrainResult(
        checkpoint=str(files.checkpoint),
        output_dir=str(files.output_dir),
        files=[str(path) for path in (files.checkpoint, *output_paths(files))],
        train=history[trainer.best_epoch - 1].train,
        validation=validation,
        test=test,
        best_epoch=trainer.best_epoch,
        temperature=checkpoint.temperature,
        epochs=list(history),
        seconds=0.0,
        pictures_per_second=sum(epoch.train.count for epoch in history) / seconds,
        config=trainer.config.to_dict(),
        environment=checkpoint.environment,
        data=checkpoint.data,
    )


def _plot(trainer: Trainer, data: DataSplits, logits: torch.Tensor, temperature: float, files: Files) -> None:
    total = trainer.all_steps
    steps = (int(i * (total - 1) / (_RATE_POINTS - 1)) for i in range(_RATE_POINTS))
    rates = [learning_rate(step, total, trainer.config.lr) for step in steps]
    plot_training(files.output_dir, trainer.history, trainer.best_epoch, rates)
    confusion = confusion_matrix(logits, data.test.labels)
    plot_evaluation(files.output_dir, data.test, probabilities(logits, temperature), confusion)
