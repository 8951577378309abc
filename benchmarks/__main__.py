"""Side by side with the plain script, start-up, memory and accuracy.

    python -m benchmarks                 a quick look, about two minutes
    python -m benchmarks --full          the whole table, about half an hour
    python -m benchmarks --seeds 10      accuracy: ten whole trainings

Needs MNIST in the cache (`mnistcnn train` or `mnistcnn evaluate` puts it there).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks import measure as m
from mnistcnn.config import DatasetName
from mnistcnn.data.cache import cache_dir
from mnistcnn.data.files import FILES

TOOL = (sys.executable, "-m", "mnistcnn")
Rows = list[dict[str, Any]]


def median(values: list[float]) -> float:
    """The median."""
    return float(statistics.median(values))


def row(rows: Rows, what: str, figure: str, **details: Any) -> None:
    """Print a line of the table, and keep it."""
    print(f"{what:<58} {figure}", flush=True)
    rows.append({"what": what, "figure": figure, **details})


def training_speed(rows: Rows, data: Path, rounds: int, steps: int) -> None:
    """Pictures/s against the plain script and against the machine's own ceiling."""
    native = "bfloat16" if {"avx512_bf16", "amx_bf16"} & set(m.machine()["flags"]) else None
    for precision in ("float32", *([native] if native else [])):
        found = m.alternate(
            rounds,
            {
                "plain": lambda: m.plain_speed(data, 50, steps),
                "ours 50": lambda p=precision: m.our_speed(50, p, steps),  # type: ignore[misc]
                "ours 200": lambda p=precision: m.our_speed(200, p, max(20, steps // 4)),  # type: ignore[misc]
                "ceiling": lambda p=precision: m.ceiling(p),  # type: ignore[misc]
            },
        )
        plain, ours, large, flops = (median(found[name]) for name in ("plain", "ours 50", "ours 200", "ceiling"))
        row(rows, "plain script, float32, pictures/s", m.spread(found["plain"]), values=found["plain"])
        row(rows, f"ours, {precision}, batch 50, pictures/s", m.spread(found["ours 50"]), values=found["ours 50"])
        row(rows, f"ours, {precision}, batch 200, pictures/s", m.spread(found["ours 200"]), values=found["ours 200"])
        row(rows, f"ceiling, {precision}, GFLOP/s", m.spread([c / 1e9 for c in found["ceiling"]]))
        row(rows, f"ours / plain script, {precision}, batch 50", f"{ours / plain:.2f} ×")
        for size, speed in ((50, ours), (200, large)):
            row(rows, f"share of the ceiling, {precision}, batch {size}", f"{speed * m.FLOPS_PER_PICTURE / flops:.0%}")


def start_up(rows: Rows, rounds: int, folder: Path) -> None:
    """Whole processes: help against a bare Typer program, commands against `import torch`."""
    bare = folder / "bare.py"
    bare.write_text(m.BARE_TYPER, encoding="utf-8")
    checkpoint, picture = folder / "models" / "net.pth", folder / "digit.png"
    prepare(checkpoint, picture)
    found = m.alternate(
        rounds,
        {
            "bare": lambda: m.seconds(sys.executable, str(bare), "--help"),
            "--help": lambda: m.seconds(*TOOL, "--help"),
            "--version": lambda: m.seconds(*TOOL, "--version"),
            "torch": lambda: m.seconds(sys.executable, "-c", "import torch"),
            "summary": lambda: m.seconds(*TOOL, "summary"),
            "predict": lambda: m.seconds(*TOOL, "predict", str(picture), "-c", str(checkpoint)),
            "evaluate": lambda: m.seconds(*TOOL, "evaluate", str(checkpoint), "--dataset", "mnist"),
        },
    )
    row(rows, "--help of a bare Typer program, s", m.spread(found["bare"]))
    for name in ("--help", "--version"):
        row(rows, f"{name} / that", f"{median(found[name]) / median(found['bare']):.2f} ×", values=found[name])
    row(rows, "import torch, s", m.spread(found["torch"]))
    for name in ("summary", "predict", "evaluate"):
        over = median(found[name]) - median(found["torch"])
        row(rows, f"{name}, one process, over import torch, s", f"{over:+.2f}", values=found[name])


def prepare(checkpoint: Path, picture: Path) -> None:
    """A checkpoint to evaluate, and a picture to predict."""
    from PIL import Image

    from mnistcnn import load_dataset

    output = str(checkpoint.parent / "output")
    m.run(*TOOL, "train", "--dataset", "synthetic", "--epochs", "1", "-c", str(checkpoint), "-o", output, "-q")
    test = load_dataset(DatasetName.MNIST).test
    digit = Image.fromarray(255 - test.images[0, 0].numpy())
    digit.resize((280, 280)).save(picture)


def memory(rows: Rows, folder: Path) -> None:
    """Peak memory of training over that of `import torch`."""
    base = m.peak_memory(sys.executable, "-c", "import torch")
    out = ["-c", str(folder / "m" / "net.pth"), "-o", str(folder / "m"), "-q"]
    for epochs in (1, 2):
        peak = m.peak_memory(*TOOL, "train", "--epochs", str(epochs), *out)
        row(rows, f"peak memory of {epochs} epoch(s) over import torch, MB", f"{(peak - base) / 2**20:.0f}")


def threads(rows: Rows, rounds: int, steps: int) -> None:
    """What a second core gives."""
    found = m.alternate(
        rounds,
        {"one": lambda: m.our_speed(50, "float32", steps, 1), "two": lambda: m.our_speed(50, "float32", steps, 2)},
    )
    row(rows, "two threads / one, float32, batch 50", f"{median(found['two']) / median(found['one']):.2f} ×")


def whole_runs(rows: Rows, data: Path, folder: Path, rounds: int) -> None:
    """Five epochs from process start to written files."""
    out = ["-c", str(folder / "w" / "net.pth"), "-o", str(folder / "w"), "-q"]
    found = m.alternate(
        rounds,
        {
            "plain": lambda: m.seconds(sys.executable, "-m", "benchmarks.baseline", "--data", str(data)),
            "ours": lambda: m.seconds(*TOOL, "train", *out),
        },
    )
    row(rows, "plain script, 5 epochs, s", m.spread(found["plain"]))
    row(rows, "mnistcnn train, 5 epochs, s", m.spread(found["ours"]))
    row(rows, "ours / plain script, whole process", f"{median(found['ours']) / median(found['plain']):.2f} ×")


def accuracy(rows: Rows, folder: Path, seeds: int, epochs: int) -> None:
    """Test accuracy of `seeds` trainings."""
    found = []
    for seed in range(seeds):
        out = ["-c", str(folder / "a" / "net.pth"), "-o", str(folder / "a"), "-q", "--json"]
        result = json.loads(m.run(*TOOL, "train", "--seed", str(seed), "--epochs", str(epochs), *out))
        found.append(result["test"]["accuracy"])
        row(rows, f"test accuracy, {epochs} epochs, seed {seed}", f"{found[-1]:.2%}", seconds=result["seconds"])
    deviation = statistics.stdev(found) if len(found) > 1 else 0.0
    figure = f"mean {statistics.mean(found):.3%}, deviation {deviation:.3%}, least {min(found):.2%}"
    row(rows, f"test accuracy, {epochs} epochs, {seeds} seeds", figure, values=found)


def torchvision_folder(folder: Path) -> Path:
    """The cached files as torchvision lays them out."""
    raw = folder / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name in FILES:
        source = cache_dir() / DatasetName.MNIST / name
        if not source.exists():
            raise SystemExit("MNIST is not in the cache; `mnistcnn train` puts it there.")
        (raw / name).symlink_to(source.resolve())
    return folder / "data"


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="more rounds, whole runs, memory, threads")
    parser.add_argument("--seeds", type=int, default=0, help="only the accuracy of so many trainings")
    parser.add_argument("--epochs", type=int, default=5, help="of those trainings")
    parser.add_argument("--json", type=Path, help="write everything there too")
    arguments = parser.parse_args()
    rows: Rows = []
    about = m.machine()
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.seeds:
            accuracy(rows, folder, arguments.seeds, arguments.epochs)
        else:
            data = torchvision_folder(folder)
            rounds, steps = (5, 300) if arguments.full else (3, 120)
            training_speed(rows, data, rounds, steps)
            start_up(rows, 2 * rounds, folder)
            if arguments.full:
                threads(rows, rounds, steps)
                memory(rows, folder)
                whole_runs(rows, data, folder, 2)
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": about, "rows": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
