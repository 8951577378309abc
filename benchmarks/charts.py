"""Draws the two charts in docs/performance.md from the output of `python -m benchmarks --full --json FILE`.

python -m benchmarks.charts FILE [FOLDER]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

FOLDER = Path(__file__).parents[1] / "docs" / "images"
COLOURS = {"mnistcnn": "#0072b2", "plain script": "#d55e00", "Keras": "#009e73"}
PARTS = {
    "pictures": "#e69f00",
    "forward": "#56b4e9",
    "backward": "#0072b2",
    "optimizer": "#cc79a7",
    "rest of the step": "#999999",
    "validation": "#009e73",
}


def draw_contenders(curves: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Draw test error against wall-clock time since the process began, a line for each contender."""
    figure = Figure(figsize=(8, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for name, points in curves.items():
        seconds, errors = [p["seconds"] for p in points], [100 * (1 - p["accuracy"]) for p in points]
        axes.plot(seconds, errors, "o-", color=COLOURS[name], label=name)
        for point, second, error in list(zip(points, seconds, errors, strict=True))[0 if name == "mnistcnn" else -1 :]:
            axes.annotate(
                f"{100 * point['accuracy']:.2f} %",
                (second, error),
                xytext=(0, 8),
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=COLOURS[name],
            )
    axes.set_yscale("log")
    axes.set_yticks([0.3, 0.5, 1, 2, 3], ["99.7 %", "99.5 %", "99 %", "98 %", "97 %"])
    axes.minorticks_off()
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_ylim(top=0.3)
    axes.set_xlabel("seconds since the start of the process")
    axes.set_ylabel("test accuracy")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    axes.set_title("mnistcnn: whole runs of 1, 2, 3 and 5 epochs; the others: one run of 5 epochs", fontsize=10)
    figure.savefig(path)


def draw_parts(parts: dict[str, dict[str, float]], floor: float, path: Path) -> None:
    """Draw the seconds of each part of an epoch, and those of the arithmetic alone."""
    figure = Figure(figsize=(8, 2.9), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    rows = ["plain script", "mnistcnn", "floor"]
    left = [0.0, 0.0]
    for part, colour in PARTS.items():
        lengths = [parts[name].get(part, 0.0) for name in rows[:-1]]
        axes.barh(rows[:-1], lengths, left=left, color=colour, label=part)
        left = [start + length for start, length in zip(left, lengths, strict=True)]
    for name in rows[:-1]:
        total = sum(parts[name].values())
        axes.annotate(f"{total:.1f} s", (total, name), xytext=(4, 0), textcoords="offset points", va="center")
    axes.barh(["floor"], [floor], color="#333333")
    axes.annotate(f"{floor:.1f} s", (floor, "floor"), xytext=(4, 0), textcoords="offset points", va="center")
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("seconds an epoch of 55,000 pictures; floor: its FLOPs at the rate of a large matrix product")
    figure.legend(loc="outside upper center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(path)


def draw(results: dict[str, Any], folder: Path = FOLDER) -> None:
    """Draw the charts of the measurements: one of them for those of `--whole`, both for those of `--full`."""
    folder.mkdir(parents=True, exist_ok=True)
    draw_contenders(results["curves"], folder / "contenders.png")
    if "parts" in results:
        draw_parts(results["parts"], results["floor_seconds"], folder / "parts.png")


if __name__ == "__main__":
    draw(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), *map(Path, sys.argv[2:3]))
