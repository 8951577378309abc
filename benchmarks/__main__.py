"""Compares speed, start-up, memory and accuracy with the plain script and with Keras.

    python -m benchmarks                 a quick look, about two minutes
    python -m benchmarks --full          the whole table with ten seeds, most of an hour
    python -m benchmarks --seeds 3       only accuracy: three whole trainings
    python -m benchmarks --whole         only whole trainings, and those of the other programs

Needs MNIST in the cache (`mnistcnn train` or `mnistcnn evaluate` puts it there).
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import measure as m
from benchmarks.table import Rows, median, row, spread
from benchmarks.trainings import accuracy, torchvision_folder, whole_runs
from mnistcnn.config import DatasetName

EPOCH_PICTURES = 55_000


def training_speed(rows: Rows, data: Path, rounds: int, steps: int) -> None:
    """Compare the pictures/s of training with the plain script's and with the machine's ceiling."""
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
        row(rows, "plain script, float32, pictures/s", spread(found["plain"]), values=found["plain"])
        row(rows, f"ours, {precision}, batch 50, pictures/s", spread(found["ours 50"]), values=found["ours 50"])
        row(rows, f"ours, {precision}, batch 200, pictures/s", spread(found["ours 200"]), values=found["ours 200"])
        row(rows, f"ceiling, {precision}, GFLOP/s", spread([c / 1e9 for c in found["ceiling"]]))
        row(rows, f"ours / plain script, {precision}, batch 50", f"{ours / plain:.2f} ×")
        for size, speed in ((50, ours), (200, large)):
            row(rows, f"share of the ceiling, {precision}, batch {size}", f"{speed * m.FLOPS_PER_PICTURE / flops:.0%}")


def start_up(rows: Rows, rounds: int, folder: Path) -> None:
    """Time whole processes: help against a bare Typer program, commands against `import torch`."""
    bare = folder / "bare.py"
    bare.write_text(m.BARE_TYPER, encoding="utf-8")
    checkpoint, picture = folder / "models" / "net.pth", folder / "digit.png"
    prepare(checkpoint, picture)
    found = m.alternate(
        rounds,
        {
            "bare": lambda: m.seconds(sys.executable, str(bare), "--help"),
            "--help": lambda: m.seconds(*m.TOOL, "--help"),
            "--version": lambda: m.seconds(*m.TOOL, "--version"),
            "torch": lambda: m.seconds(sys.executable, "-c", "import torch"),
            "summary": lambda: m.seconds(*m.TOOL, "summary"),
            "predict": lambda: m.seconds(*m.TOOL, "predict", str(picture), "-c", str(checkpoint)),
            "evaluate": lambda: m.seconds(*m.TOOL, "evaluate", str(checkpoint), "--dataset", "mnist"),
        },
    )
    row(rows, "--help of a bare Typer program, s", spread(found["bare"]))
    for name in ("--help", "--version"):
        row(rows, f"{name} / that", f"{median(found[name]) / median(found['bare']):.2f} ×", values=found[name])
    row(rows, "import torch, s", spread(found["torch"]))
    for name in ("summary", "predict", "evaluate"):
        over = median(found[name]) - median(found["torch"])
        row(rows, f"{name}, one process, over import torch, s", f"{over:+.2f}", values=found[name])


def drawing(rows: Rows) -> None:
    """Time the drawing page's answers to a canvas of 280×280 pixels with a stroke on it."""
    from PIL import Image, ImageDraw

    canvas, buffer = Image.new("RGBA", (280, 280), "white"), io.BytesIO()
    ImageDraw.Draw(canvas).line([(90, 60), (190, 60), (130, 230)], fill="black", width=18, joint="curve")
    canvas.save(buffer, "PNG")
    times = m.page_answers(buffer.getvalue(), 200)
    figure = f"{median(times):.1f}, 95 % within {sorted(times)[len(times) * 95 // 100]:.1f}"
    row(rows, "the drawing page's answer, ms", figure, values=times)


def prepare(checkpoint: Path, picture: Path) -> None:
    """Make a checkpoint to evaluate and an image to predict."""
    from PIL import Image

    from mnistcnn import load_dataset

    output = str(checkpoint.parent / "output")
    m.run(*m.TOOL, "train", "--dataset", "synthetic", "--epochs", "1", "-c", str(checkpoint), "-o", output, "-q")
    test = load_dataset(DatasetName.MNIST).test
    digit = Image.fromarray(255 - test.images[0, 0].numpy())
    digit.resize((280, 280)).save(picture)


def memory(rows: Rows, folder: Path) -> None:
    """Compare the peak memory of training with that of `import torch`."""
    base = m.peak_memory(sys.executable, "-c", "import torch")
    out = ["-c", str(folder / "m" / "net.pth"), "-o", str(folder / "m"), "-q"]
    for epochs in (1, 2):
        peak = m.peak_memory(*m.TOOL, "train", "--epochs", str(epochs), *out)
        row(rows, f"peak memory of {epochs} epoch(s) over import torch, MB", f"{(peak - base) / 2**20:.0f}")


def threads(rows: Rows, rounds: int, steps: int) -> None:
    """Compare the training speed of two threads with that of one."""
    for size, count in ((50, steps), (200, max(20, steps // 3))):
        found = m.alternate(
            rounds,
            {
                "one": lambda n=size, c=count: m.our_speed(n, "float32", c, 1),  # type: ignore[misc]
                "two": lambda n=size, c=count: m.our_speed(n, "float32", c, 2),  # type: ignore[misc]
            },
        )
        ratio = median(found["two"]) / median(found["one"])
        row(rows, f"two threads / one, float32, batch {size}", f"{ratio:.2f} ×", values=found)


def growth(rows: Rows, folder: Path, rounds: int) -> None:
    """Compare training speeds as images and epochs increase: both ratios are 1 if the time is linear."""

    def speed(*options: str) -> list[float]:
        out = ["-c", str(folder / "g" / "net.pth"), "-o", str(folder / "g"), "-q", "--json"]
        return [epoch["pictures_per_second"] for epoch in json.loads(m.run(*m.TOOL, "train", *options, *out))["epochs"]]

    found = m.alternate(
        rounds,
        {
            "few": lambda: speed("--epochs", "1", "--validation-size", "49000")[0],
            "many": lambda: speed("--epochs", "1")[0],
        },
    )
    ratio = median(found["few"]) / median(found["many"])
    row(rows, "pictures/s, 11,000 pictures / 55,000 pictures", f"{ratio:.2f} ×", values=found)
    first, _, third = speed("--epochs", "3")
    row(rows, "pictures/s, third epoch / first epoch", f"{third / first:.2f} ×")


def parts(rows: Rows, data: Path) -> dict[str, Any]:
    """Time the parts of an epoch, and the arithmetic alone."""
    found = {
        name: json.loads(m.python("-m", "benchmarks.parts", whose, "--data", str(data)))
        for name, whose in (("plain script", "plain"), ("mnistcnn", "ours"))
    }
    floor = m.FLOPS_PER_PICTURE * EPOCH_PICTURES / m.ceiling("float32")
    for name, seconds in found.items():
        shown = ", ".join(f"{part} {value:.2f}" for part, value in seconds.items())
        row(rows, f"an epoch of {name}, s", f"{sum(seconds.values()):.1f}: {shown}")
    row(rows, "floor of an epoch, s", f"{floor:.1f}")
    return {"parts": found, "floor_seconds": floor}


def full(rows: Rows, data: Path, folder: Path, rounds: int, seeds: range, precision: str) -> dict[str, Any]:
    """Measure everything beyond the quick look; the charts are drawn from it."""
    threads(rows, rounds, 200)
    memory(rows, folder)
    growth(rows, folder, rounds)
    drawn = parts(rows, data)
    drawn |= whole_runs(rows, data, folder, max(1, rounds // 2), seeds.start, precision)
    accuracy(rows, folder, seeds, 1, precision)
    accuracy(rows, folder, seeds, 5, precision)
    return drawn


def main() -> None:
    """Measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="also whole runs, memory, threads, ten seeds")
    parser.add_argument("--seeds", type=int, help="only the accuracy of so many trainings; with --full, 10")
    parser.add_argument("--whole", action="store_true", help="only whole trainings, ours and others', in turn")
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow it")
    parser.add_argument("--epochs", type=int, default=5, help="of the trainings of --seeds")
    parser.add_argument("--precision", default="auto", help="of whole trainings, ours")
    parser.add_argument("--rounds", type=int, help="how often each contender runs; 3, with --full 5")
    parser.add_argument("--json", type=Path, help="write everything there too")
    arguments = parser.parse_args()
    rows: Rows = []
    precision = arguments.precision
    about, drawn = m.machine(), {}
    print(", ".join(f"{key} {value}" for key, value in about.items()), flush=True)
    seeds = range(arguments.first_seed, arguments.first_seed + (arguments.seeds or 10))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.seeds and not arguments.full:
            accuracy(rows, folder, seeds, arguments.epochs, precision)
        elif arguments.whole:
            data, rounds = torchvision_folder(folder), arguments.rounds or 3
            drawn = whole_runs(rows, data, folder, rounds, seeds.start, precision)
        else:
            data = torchvision_folder(folder)
            rounds, steps = (arguments.rounds or 5, 200) if arguments.full else (arguments.rounds or 3, 120)
            training_speed(rows, data, rounds, steps)
            start_up(rows, 2 * rounds, folder)
            if find_spec("uvicorn"):
                drawing(rows)
            if arguments.full:
                drawn = full(rows, data, folder, rounds, seeds, precision)
    if arguments.json:
        document = {"machine": about, "rows": rows, **drawn}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
