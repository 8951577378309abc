"""Draws printed and handwritten letters, and drawings as lines in a square from 0 to 1, y downwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmarks.hands import stroke
from benchmarks.papers import clouds
from benchmarks.wild import Ink, Rng, thinned

Line = NDArray[np.float64]  # (points, 2)
Drawing = Callable[[Rng], list[Line]]


def through(*points: tuple[float, float]) -> Line:
    """Connect each point to the next one by a straight line."""
    corners = np.array(points)
    steps = np.linspace(0, len(points) - 1, 16 * len(points))
    return np.stack([np.interp(steps, np.arange(len(points)), corners[:, axis]) for axis in (0, 1)], axis=1)


def arc(x: float, y: float, r: float, start: float = 0, end: float = 1, ry: float | None = None) -> Line:
    """Draw a part of a circle or ellipse, from `start` to `end` in turns clockwise from the right."""
    turns = 2 * np.pi * np.linspace(start, end, 48)
    return np.stack([x + r * np.cos(turns), y + (ry or r) * np.sin(turns)], axis=1)


def drawn(lines: list[Line], size: int, pen: float, rng: Rng, wobble: float = 0.015) -> Ink:
    """Draw the lines as a hand does, `size` pixels wide and high, a little turned, stretched and shaky."""
    canvas = np.zeros((2 * size, 2 * size), np.uint8)
    bend = np.eye(2) + rng.normal(0, 0.08, (2, 2))
    waves, phases = rng.uniform(2, 9, (2, 2)), rng.uniform(0, 2 * np.pi, 2)
    for line in lines:
        moved = (line - 0.5) @ bend + wobble * np.sin(line @ waves + phases) + rng.normal(0, wobble / 2, 2)
        points = np.rint((moved * size + size) * 16).astype(np.int32)[:, None]
        cv2.polylines(canvas, [points], False, 255, max(1, round(pen)), cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """Load a font that comes with matplotlib."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"), size)


def printed(text: str, name: str, size: int = 120) -> Ink:
    """Print the text."""
    face = font(name, size)
    left, top, right, bottom = face.getbbox(text)
    canvas = Image.new("L", (int(right - left) + 20, int(bottom - top) + 20))
    ImageDraw.Draw(canvas).text((10 - left, 10 - top), text, font=face, fill=255)
    return np.asarray(canvas, np.float32) / np.float32(255)


def warped(ink: Ink, rng: Rng, strength: float = 0.04) -> Ink:
    """Slant, stretch and bend ink as handwriting is. `strength` is a share of the height."""
    height, width = ink.shape
    room = round(0.4 * height)
    ink = np.pad(ink, room)
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]].astype(np.float32)
    cells = max(3, round(2 * width / height))
    slant, stretch = rng.normal(0.1, 0.15), rng.uniform(0.85, 1.15)
    across = (x - x.mean()) * stretch + x.mean() + slant * (y - y.mean())
    shifts = [strength * height * clouds(ink.shape, cells, rng)[:, :, 0] for _ in range(2)]
    return np.asarray(cv2.remap(ink, across + shifts[0], y + shifts[1], cv2.INTER_LINEAR), np.float32)


def by_hand(ink: Ink, rng: Rng, most: float = 13) -> Ink:
    """Redraw print with a pen of up to `most` pixels along the middle of its strokes."""
    lines = thinned(warped(ink, rng) > 0.5)
    return stroke(lines, 1.0, rng.uniform(3, most), rng)


def _spiral(rng: Rng) -> list[Line]:
    turn = np.linspace(0, 2 * np.pi * rng.uniform(2.3, 4), 200)
    radius = 0.48 * turn / turn[-1]
    return [np.stack([0.5 + radius * np.cos(turn), 0.5 + radius * np.sin(turn)], axis=1)]


def _star(rng: Rng) -> list[Line]:
    turns = 2 * np.pi * (np.arange(6) * 2 / 5 - 0.25)
    return [through(*[(0.5 + 0.5 * np.cos(t), 0.5 + 0.5 * np.sin(t)) for t in turns])]


def _heart(rng: Rng) -> list[Line]:
    t = np.linspace(0, 2 * np.pi, 80)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return [np.stack([0.5 + 0.47 * np.sin(t) ** 3, 0.45 - y / 36], axis=1)]


def _face(rng: Rng) -> list[Line]:
    smile = arc(0.5, 0.55, 0.25, 0.05, 0.45) if rng.random() < 0.7 else arc(0.5, 0.85, 0.2, 0.6, 0.9)
    return [arc(0.5, 0.5, 0.48), arc(0.33, 0.38, 0.04), arc(0.67, 0.38, 0.04), smile, through((0.5, 0.45), (0.47, 0.6))]


def _house(rng: Rng) -> list[Line]:
    walls = through((0.1, 0.45), (0.1, 0.98), (0.9, 0.98), (0.9, 0.45))
    roof = through((0.0, 0.5), (0.5, 0.02), (1.0, 0.5), (0.0, 0.5))
    door = through((0.4, 0.98), (0.4, 0.68), (0.58, 0.68), (0.58, 0.98))
    return [walls, roof, door, through((0.68, 0.6), (0.82, 0.6), (0.82, 0.75), (0.68, 0.75), (0.68, 0.6))]


def _rays(x: float, y: float, near: float, far: float, count: int) -> list[Line]:
    turns = [(np.cos(t), np.sin(t)) for t in 2 * np.pi * np.arange(count) / count]
    return [through((x + near * c, y + near * s), (x + far * c, y + far * s)) for c, s in turns]


def _sun(rng: Rng) -> list[Line]:
    return [arc(0.5, 0.5, 0.2), *_rays(0.5, 0.5, 0.28, 0.5, 9)]


def _tree(rng: Rng) -> list[Line]:
    crown = through((0.5, 0.0), (0.2, 0.35), (0.38, 0.35), (0.1, 0.72), (0.9, 0.72), (0.6, 0.35), (0.8, 0.35), (0.5, 0))
    return [crown, through((0.43, 0.72), (0.43, 1.0), (0.57, 1.0), (0.57, 0.72))]


def _man(rng: Rng) -> list[Line]:
    legs = through((0.25, 1.0), (0.5, 0.65), (0.75, 1.0))
    return [
        arc(0.5, 0.15, 0.14),
        through((0.5, 0.3), (0.5, 0.65)),
        legs,
        through((0.2, 0.35), (0.5, 0.42), (0.8, 0.35)),
    ]


def _flower(rng: Rng) -> list[Line]:
    petals = [arc(0.5 + 0.2 * np.cos(t), 0.3 + 0.2 * np.sin(t), 0.11) for t in 2 * np.pi * np.arange(6) / 6]
    return [*petals, arc(0.5, 0.3, 0.09), through((0.5, 0.6), (0.5, 1.0)), arc(0.62, 0.85, 0.12, 0.5, 1.0, 0.06)]


def _fish(rng: Rng) -> list[Line]:
    body = [arc(0.42, 0.5, 0.4, ry=0.22), arc(0.2, 0.45, 0.03)]
    return [*body, through((0.8, 0.5), (1.0, 0.3), (1.0, 0.7), (0.8, 0.5))]


def _of(*lines: Line) -> Drawing:
    return lambda rng: list(lines)


DRAWINGS: dict[str, Drawing] = {
    "face": _face, "house": _house, "sun": _sun, "tree": _tree, "man": _man, "flower": _flower, "fish": _fish,
}  # fmt: skip
SHAPES: dict[str, Drawing] = {
    "triangle": _of(through((0.5, 0.02), (0.98, 0.95), (0.02, 0.95), (0.5, 0.02))),
    "square": _of(through((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95), (0.05, 0.05))),
    "diamond": _of(through((0.5, 0), (0.9, 0.5), (0.5, 1), (0.1, 0.5), (0.5, 0))),
    "spiral": _spiral,
    "star": _star,
    "heart": _heart,
    "rings": _of(arc(0.5, 0.5, 0.48), arc(0.5, 0.5, 0.27)),
    "zigzag": _of(through((0, 0.3), (0.17, 0.7), (0.34, 0.3), (0.51, 0.7), (0.68, 0.3), (0.85, 0.7), (1, 0.3))),
    "lightning": _of(through((0.6, 0), (0.25, 0.55), (0.55, 0.5), (0.3, 1), (0.8, 0.4), (0.5, 0.43), (0.6, 0))),
    "wave": _of(np.stack([np.linspace(0, 1, 99), 0.5 + 0.2 * np.sin(np.linspace(0, 6 * np.pi, 99))], axis=1)),
}
MARKS: dict[str, Drawing] = {
    "check mark": _of(through((0.05, 0.55), (0.35, 0.95), (0.95, 0.05))),
    "cross": _of(through((0.05, 0.05), (0.95, 0.95)), through((0.95, 0.05), (0.05, 0.95))),
    "arrow right": _of(through((0, 0.5), (1, 0.5)), through((0.7, 0.2), (1, 0.5), (0.7, 0.8))),
    "arrow up": _of(through((0.5, 1), (0.5, 0)), through((0.25, 0.3), (0.5, 0), (0.75, 0.3))),
    "arrow down": _of(through((0.5, 0), (0.5, 1)), through((0.2, 0.65), (0.5, 1), (0.8, 0.65))),
    "plus": _of(through((0.5, 0.1), (0.5, 0.9)), through((0.1, 0.5), (0.9, 0.5))),
    "equals": _of(through((0.05, 0.35), (0.95, 0.35)), through((0.05, 0.65), (0.95, 0.65))),
    "hash": _of(
        *[through((x + 0.05, 0), (x - 0.05, 1)) for x in (0.35, 0.65)],
        *[through((0, y), (1, y)) for y in (0.35, 0.65)],
    ),
    "asterisk": _of(*_rays(0.5, 0.5, 0, 0.48, 6)),
    "root": _of(through((0, 0.6), (0.15, 0.5), (0.35, 0.95), (0.55, 0.1), (1, 0.1))),
}
