"""Measures a network on a split: accuracy, confusion matrix, scores per digit, calibration."""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from mnistcnn.accuracy import DigitScore, digit_scores, wilson_interval
from mnistcnn.checkpoints.calibration import calibration_error, is_at_bound, probabilities
from mnistcnn.checkpoints.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.config import DatasetName, Split, TrainConfig
from mnistcnn.data.dataset import DataSplits, load_dataset
from mnistcnn.errors import UsageError
from mnistcnn.events import Observer, ignore
from mnistcnn.network.device import Compute, resolve_device
from mnistcnn.network.inference import BATCH_SIZE, compute_metrics, predict_logits
from mnistcnn.network.model import CLASSES, build_model
from mnistcnn.plots import data_title, plot_confusion, plot_mistakes
from mnistcnn.results import Environment, Result


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation(Result):
    """The measurements of a network on one split. `confusion_matrix[t][p]` counts digits t that were read as p."""

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
    calibrated: bool  # false if the temperature is at a bound of its search
    seconds: float
    pictures_per_second: float
    environment: Environment
    files: list[str]


def evaluate(
    checkpoint: Path | str | None = None,
    *,
    split: Split = Split.TEST,
    dataset: DatasetName | None = None,
    device: str = "auto",
    batch_size: int = BATCH_SIZE,
    data_dir: Path | None = None,
    mirror: str | None = None,
    output_dir: Path | None = None,
    observer: Observer = ignore,
) -> Evaluation:
    """Measure a checkpoint on one split; if `output_dir` is given, draw two plots there.

    If `checkpoint` is None, `checkpoints.checkpoint.find_checkpoint` chooses one. If `dataset` is None, it is the one
    that the checkpoint was trained on. `Split.VALIDATION` and `Split.TRAIN` are the splits of that training.
    Raises `UsageError`, `CheckpointError`, `DeviceError`, `DataError` and `OutputError`.
    """
    loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    config = loaded.config or TrainConfig()
    if split is not Split.TEST and loaded.config is None:
        raise UsageError(f"{loaded.path} does not record its validation split; only --split test is possible.")
    compute = resolve_device(device)
    data = load_dataset(
        dataset or config.dataset,
        data_dir=data_dir,
        mirror=mirror,
        seed=config.seed,
        validation_size=config.validation_size,
        splits=(split,),
        observer=observer,
    )
    return _evaluate(loaded, data, split, compute, batch_size, output_dir)


def _evaluate(
    checkpoint: Checkpoint, data: DataSplits, split: Split, compute: Compute, batch_size: int, output_dir: Path | None
) -> Evaluation:
    images = data.split(split)
    model = build_model(checkpoint.weights, compute)
    started = time.perf_counter()
    logits = predict_logits(model, images.images, compute, batch_size)
    seconds = time.perf_counter() - started
    metrics = compute_metrics(logits, images.labels)
    confusion = confusion_matrix(logits, images.labels)
    probability = probabilities(logits.numpy(), checkpoint.temperature)
    files = []
    if output_dir is not None:
        title = data_title(data.name, split)
        files.append(plot_confusion(output_dir, confusion, title))
        files.append(plot_mistakes(output_dir, images, probability, title))
    return Evaluation(
        checkpoint=str(checkpoint.path),
        dataset=str(data.name),
        trained_on=checkpoint.trained_on,
        split=str(split),
        count=metrics.count,
        accuracy=metrics.accuracy,
        accuracy_interval=wilson_interval(metrics.accuracy, metrics.count),
        loss=metrics.loss,
        confusion_matrix=confusion,
        per_digit=digit_scores(confusion),
        calibration_error=calibration_error(probability, images.labels.cpu().numpy()),
        temperature=checkpoint.temperature,
        calibrated=not is_at_bound(checkpoint.temperature),
        seconds=seconds,
        pictures_per_second=metrics.count / seconds,
        environment=compute.environment(),
        files=[str(path) for path in files],
    )


def confusion_matrix(logits: torch.Tensor, labels: torch.Tensor) -> list[list[int]]:
    """Count 10 rows (true digit) of 10 columns (digit read), from logits (N, 10) float and labels (N,) int64."""
    pairs = labels.cpu() * CLASSES + logits.argmax(1)
    counts: list[list[int]] = torch.bincount(pairs, minlength=CLASSES**2).view(CLASSES, CLASSES).tolist()
    return counts
