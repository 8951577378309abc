"""A network measured on a split: accuracy, confusion, scores per digit, calibration."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch

from mnistcnn.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.config import DatasetName, Split, TrainConfig
from mnistcnn.data import ImageDataset, load_dataset
from mnistcnn.device import Compute, resolve_device
from mnistcnn.errors import UsageError
from mnistcnn.inference import BATCH_SIZE, infer, measure, probabilities
from mnistcnn.model import CLASSES
from mnistcnn.plots import draw_evaluation
from mnistcnn.results import DigitScore, Evaluation, Observer, ignore

BINS = 15  # of the calibration error


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
    """Measure a checkpoint on one split, and draw two pictures into `output_dir` where one is given.

    Without a `checkpoint`, see `checkpoint.find_checkpoint`. `dataset` is the one the checkpoint was trained on
    if None; `Split.VALIDATION` and `Split.TRAIN` are the parts that its training made. Raises `MnistCnnError`s.
    """
    loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    config = loaded.config or TrainConfig()
    if split is not Split.TEST and loaded.config is None:
        raise UsageError(f"{loaded.path} does not say which pictures it held out; only --split test is there.")
    compute = resolve_device(device, config.precision)
    data = load_dataset(
        dataset or config.dataset,
        data_dir=data_dir,
        mirror=mirror,
        seed=config.seed,
        validation_size=config.validation_size,
        splits=(split,),
        observer=observer,
    )
    return evaluate_pictures(loaded, data.split(split), compute, data.name, split, batch_size, output_dir)


def evaluate_pictures(
    checkpoint: Checkpoint,
    pictures: ImageDataset,
    compute: Compute,
    dataset: DatasetName,
    split: Split,
    batch_size: int = BATCH_SIZE,
    output_dir: Path | None = None,
) -> Evaluation:
    """`evaluate` for what has already been loaded."""
    model = checkpoint.build_model(compute)
    started = time.perf_counter()
    logits = infer(model, pictures.images, compute, batch_size)
    seconds = time.perf_counter() - started
    metrics, confusion = measure(logits, pictures.labels), confusion_matrix(logits, pictures.labels)
    probability = probabilities(logits, checkpoint.temperature)
    files = [] if output_dir is None else draw_evaluation(output_dir, pictures, probability, confusion)
    return Evaluation(
        checkpoint=str(checkpoint.path),
        dataset=str(dataset),
        trained_on=checkpoint.trained_on,
        split=str(split),
        count=metrics.count,
        accuracy=metrics.accuracy,
        accuracy_interval=wilson_interval(metrics.accuracy, metrics.count),
        loss=metrics.loss,
        confusion_matrix=confusion,
        per_digit=digit_scores(confusion),
        calibration_error=calibration_error(probability, pictures.labels),
        temperature=checkpoint.temperature,
        seconds=seconds,
        pictures_per_second=metrics.count / seconds,
        environment=compute.environment(),
        files=[str(path) for path in files],
    )


def confusion_matrix(logits: torch.Tensor, labels: torch.Tensor) -> list[list[int]]:
    """10 rows (true digit) of 10 counts (digit read), from logits (N, 10) and labels (N,)."""
    pairs = labels.cpu() * CLASSES + logits.argmax(1)
    counts: list[list[int]] = torch.bincount(pairs, minlength=CLASSES**2).view(CLASSES, CLASSES).tolist()
    return counts


def digit_scores(confusion: Sequence[Sequence[int]]) -> list[DigitScore]:
    """Precision, recall and F1 of each digit; 0 where there is nothing to divide by."""
    scores = []
    for digit, row in enumerate(confusion):
        hits, there, read = row[digit], sum(row), sum(other[digit] for other in confusion)
        f1 = 2 * hits / (there + read) if there + read else 0.0
        scores.append(DigitScore(digit, there, hits / read if read else 0.0, hits / there if there else 0.0, f1))
    return scores


def wilson_interval(accuracy: float, count: int) -> tuple[float, float]:
    """The 95 % score interval of a proportion. Source: E. B. Wilson, JASA 22 (1927)."""
    z = 1.959963984540054
    centre = accuracy + z * z / (2 * count)
    spread = z * math.sqrt(accuracy * (1 - accuracy) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def calibration_error(probability: torch.Tensor, labels: torch.Tensor) -> float:
    """Expected calibration error of probabilities (N, 10): mean gap of confidence and accuracy, 15 equal bins.

    Source: C. Guo et al., "On calibration of modern neural networks" (2017).
    """
    confidence, read = probability.max(dim=1)
    gap = (read == labels.cpu()).double() - confidence
    bins = (confidence * BINS).long().clamp(max=BINS - 1)
    return float(torch.zeros(BINS, dtype=torch.float64).index_add(0, bins, gap).abs().sum() / len(gap))
