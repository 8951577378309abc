"""The end of a training run: the kept weights calibrated, tested, written; then the rest."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from mnistcnn.checkpoint import Checkpoint, save_checkpoint
from mnistcnn.config import Files
from mnistcnn.data import DataSplits
from mnistcnn.device import Compute
from mnistcnn.errors import OutputError
from mnistcnn.evaluation import confusion_matrix
from mnistcnn.inference import fit_temperature, infer, measure, probabilities
from mnistcnn.plots import CONFUSION, CURVES, MISTAKES, draw_evaluation, draw_training
from mnistcnn.results import Metrics, TrainResult, to_json
from mnistcnn.storage import write_atomically
from mnistcnn.training import Training, learning_rate

HISTORY = "history.json"
_RATE_POINTS = 400  # of the learning rate's curve


def output_paths(files: Files) -> list[Path]:
    """What a run writes beside its checkpoint."""
    return [files.output_dir / name for name in (HISTORY, CURVES, CONFUSION, MISTAKES)]


def finish(training: Training, compute: Compute, data: DataSplits, files: Files, started: float) -> TrainResult:
    """Calibrate and test the kept weights, write the checkpoint, then history and pictures.

    `started` is the `time.perf_counter` of the run's beginning. Raises `OutputError`; where it was a picture
    that failed, the checkpoint has been written.
    """
    draft = Checkpoint(files.checkpoint, training.best_weights)
    model, world = draft.build_model(compute), training.world
    validation_logits = infer(model, data.validation.images, compute, world=world)
    test_logits = infer(model, data.test.images, compute, world=world)
    checkpoint = replace(
        draft,
        temperature=fit_temperature(validation_logits, data.validation.labels),
        config=training.config,
        data=data.describe(),
        environment=compute.environment(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    result = _result(checkpoint, training, measure(test_logits, data.test.labels), files)
    if not world.is_main:
        return result
    metrics = {name: getattr(result, name).to_dict() for name in ("train", "validation", "test")}
    safe = files.unfinished
    try:
        save_checkpoint(replace(checkpoint, metrics={**metrics, "best_epoch": result.best_epoch}))
        safe = files.checkpoint
        _draw(training, data, test_logits, result.temperature, files)
        result = replace(result, seconds=time.perf_counter() - started)
        write_atomically(files.output_dir / HISTORY, to_json(result.to_dict()).encode() + b"\n")
    except OutputError as error:
        raise OutputError(
            f"{error.message} The weights are safe in {safe}.",
            "When there is room, `mnistcnn train --resume` writes the rest.",
        ) from error
    return result


def _result(checkpoint: Checkpoint, training: Training, test: Metrics, files: Files) -> TrainResult:
    best = training.history[training.best_epoch - 1]
    busy = sum(epoch.train.count / epoch.pictures_per_second for epoch in training.history)
    return TrainResult(
        checkpoint=str(files.checkpoint),
        output_dir=str(files.output_dir),
        files=[str(path) for path in (files.checkpoint, *output_paths(files))],
        train=best.train,
        validation=best.validation,
        test=test,
        best_epoch=training.best_epoch,
        temperature=checkpoint.temperature,
        epochs=training.history,
        seconds=0.0,
        pictures_per_second=sum(epoch.train.count for epoch in training.history) / busy,
        config=training.config.to_dict(),
        environment=checkpoint.environment,
        data=checkpoint.data,
    )


def _draw(training: Training, data: DataSplits, logits: torch.Tensor, temperature: float, files: Files) -> None:
    total = training.all_steps
    steps = (int(i * (total - 1) / (_RATE_POINTS - 1)) for i in range(_RATE_POINTS))
    rates = [learning_rate(step, total, training.config.lr) for step in steps]
    draw_training(files.output_dir, training.history, training.best_epoch, rates)
    confusion = confusion_matrix(logits, data.test.labels)
    draw_evaluation(files.output_dir, data.test, probabilities(logits, temperature), confusion)
