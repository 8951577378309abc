"""Measures whole trainings, from process start to written files: time and test accuracy."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import measure as m
from benchmarks.table import Rows, median, row, spread
from mnistcnn.config import DatasetName
from mnistcnn.data.cache import read_files
from mnistcnn.data.verified_files import FILES
from mnistcnn.events import ignore

EPOCHS = 5
SHORTER = (1, 2, 3)  # our epochs for the curve: each point is a separate run, whose learning rate falls to 0


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a training: seconds since the start of its process, and accuracy on the test set."""

    seconds: float
    accuracy: float


Curve = list[Point]


def torchvision_folder(folder: Path, data_dir: Path | None = None) -> Path:
    """Lay MNIST from the cache or `data_dir` out in `folder` as torchvision does."""
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    contents, _ = read_files(DatasetName.MNIST, FILES, data_dir, None, ignore)
    for name, content in contents.items():
        (raw / name).write_bytes(content)
    return folder / "data"


def ours(folder: Path, seed: int, epochs: int, precision: str) -> Point:
    """Run a whole `mnistcnn train`."""
    out = ["--precision", precision, "-c", str(folder / "a" / "net.pth"), "-o", str(folder / "a"), "-q", "--json"]
    started = time.perf_counter()
    result = json.loads(m.run(*m.TOOL, "train", "--seed", str(seed), "--epochs", str(epochs), *out))
    return Point(time.perf_counter() - started, result["test"]["accuracy"])


def theirs(module: str, data: Path, seed: int) -> Curve:
    """Run another program to its end; return a point for each epoch."""
    started = time.time()
    printed = m.python("-m", module, "--data", str(data), "--seed", str(seed))
    lines = [json.loads(line) for line in printed.splitlines()]
    return [Point(line["wall_clock"] - started, line["accuracy"]) for line in lines]


def contenders() -> dict[str, str]:
    """List the other programs that can run here, by name."""
    found = {"plain script": "benchmarks.baseline"}
    if all(find_spec(name) for name in ("keras", "jax")):
        found["Keras"] = "benchmarks.keras_program"
    return found


def whole_runs(rows: Rows, data: Path, folder: Path, rounds: int, seed: int, precision: str) -> dict[str, Any]:
    """Run whole trainings in turn, ours and the others'; return the curves for the chart."""
    others = contenders()
    curves: dict[str, list[Curve]] = {name: [] for name in others}
    long: list[Point] = []
    for number in range(rounds):
        for name, module in others.items():
            curves[name].append(theirs(module, data, seed + number))
        long.append(ours(folder, seed + number, EPOCHS, precision))
    for name, runs in curves.items():
        ends = [curve[-1] for curve in runs]
        row(rows, f"{name}, {EPOCHS} epochs, whole process, s", spread([end.seconds for end in ends]))
        row(rows, f"{name}, test accuracy", ", ".join(f"{end.accuracy:.2%}" for end in ends))
    seconds = [point.seconds for point in long]
    row(rows, f"mnistcnn train, {EPOCHS} epochs, whole process, s", spread(seconds))
    for name, runs in curves.items():
        ratio = median(seconds) / median([curve[-1].seconds for curve in runs])
        row(rows, f"mnistcnn train / {name}, whole process", f"{ratio:.2f} ×")
    drawn = {name: [_middle(points) for points in zip(*runs, strict=True)] for name, runs in curves.items()}
    drawn["mnistcnn"] = [*(ours(folder, seed, epochs, precision) for epochs in SHORTER), _middle(long)]
    return {"curves": {name: [asdict(point) for point in curve] for name, curve in drawn.items()}}


def _middle(points: Iterable[Point]) -> Point:
    points = list(points)
    return Point(median([point.seconds for point in points]), median([point.accuracy for point in points]))


def accuracy(rows: Rows, folder: Path, seeds: range, epochs: int, precision: str) -> None:
    """Measure the test accuracy of a training with each of `seeds`."""
    runs = []
    for seed in seeds:
        run = ours(folder, seed, epochs, precision)
        runs.append(run)
        figure = f"{run.accuracy:.2%} in {run.seconds:.1f} s"
        row(rows, f"test accuracy, {epochs} epoch(s), seed {seed}", figure, **asdict(run))
    found = [run.accuracy for run in runs]
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    figure = f"mean {statistics.mean(found):.3%}, deviation {deviation:.3%}, least {min(found):.2%}"
    row(rows, f"test accuracy, {epochs} epoch(s), {len(found)} seeds", figure, values=found)
    row(rows, f"whole process, {epochs} epoch(s), s", spread([run.seconds for run in runs]))
