"""Digits drawn by the program: strokes as a hand would set them, for machines without any network.

Every way of writing a digit is a list of strokes, every stroke a list of points (x right, y down, in a unit
square) that a smooth curve runs through; a point given twice in a row is a corner. Each drawing jitters the
points, bends the whole, slants, rotates and scales it, picks a pen, and is framed as MNIST frames its digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnistcnn.preprocessing.centering import Frame, center_digit

TRAIN_COUNT = 12_000
TEST_COUNT = 2_000
_CANVAS = 84  # pixels; three times MNIST's, so that framing smooths the edges
_DIGIT = 54  # pixels of a unit square on the canvas
_CURVE = 7  # line pieces between two points of a stroke

Stroke = list[tuple[float, float]]

WAYS: dict[int, list[list[Stroke]]] = {
    0: [
        [[(0.55, 0.02), (0.25, 0.12), (0.1, 0.5), (0.25, 0.88), (0.55, 0.98), (0.82, 0.82), (0.9, 0.45),
          (0.78, 0.12), (0.52, 0.02)]],
        [[(0.5, 0.0), (0.22, 0.25), (0.2, 0.7), (0.45, 1.0), (0.72, 0.75), (0.74, 0.28), (0.55, 0.02)]],
        [[(0.75, 0.12), (0.45, 0.02), (0.12, 0.3), (0.12, 0.75), (0.42, 1.0), (0.8, 0.8), (0.88, 0.35),
          (0.62, 0.06), (0.42, 0.1)]],
        [[(0.3, 0.1), (0.7, 0.05), (0.95, 0.4), (0.85, 0.8), (0.5, 0.98), (0.12, 0.8), (0.06, 0.4),
          (0.35, 0.08)]],
    ],
    1: [
        [[(0.5, 0.0), (0.5, 0.5), (0.5, 1.0)]],
        [[(0.55, 0.0), (0.5, 0.5), (0.47, 1.0)]],
        [[(0.28, 0.25), (0.42, 0.15), (0.55, 0.0), (0.55, 0.0), (0.54, 0.5), (0.54, 1.0)]],
        [[(0.3, 0.2), (0.55, 0.0), (0.55, 0.0), (0.55, 0.5), (0.55, 1.0)], [(0.3, 1.0), (0.55, 1.0), (0.82, 0.98)]],
    ],
    2: [
        [[(0.15, 0.25), (0.3, 0.05), (0.6, 0.0), (0.82, 0.22), (0.7, 0.5), (0.4, 0.78), (0.1, 0.98), (0.1, 0.98),
          (0.5, 0.97), (0.9, 0.97)]],
        [[(0.12, 0.2), (0.4, 0.02), (0.75, 0.12), (0.76, 0.4), (0.5, 0.72), (0.25, 0.93), (0.1, 0.88), (0.2, 0.74),
          (0.45, 0.85), (0.7, 0.97), (0.95, 0.86)]],
        [[(0.1, 0.15), (0.45, 0.0), (0.78, 0.15), (0.72, 0.45), (0.45, 0.7), (0.15, 0.97), (0.15, 0.97),
          (0.5, 0.9), (0.95, 1.0)]],
        [[(0.2, 0.3), (0.25, 0.08), (0.6, 0.02), (0.75, 0.25), (0.6, 0.6), (0.3, 0.95), (0.08, 0.95), (0.15, 0.78),
          (0.4, 0.86), (0.85, 0.95)]],
    ],
    3: [
        [[(0.2, 0.12), (0.5, 0.0), (0.8, 0.15), (0.72, 0.38), (0.42, 0.47), (0.42, 0.47), (0.75, 0.55), (0.85, 0.78),
          (0.55, 0.99), (0.15, 0.9)]],
        [[(0.15, 0.05), (0.5, 0.02), (0.85, 0.03), (0.85, 0.03), (0.62, 0.22), (0.42, 0.4), (0.42, 0.4), (0.75, 0.5),
          (0.85, 0.75), (0.5, 0.99), (0.1, 0.88)]],
        [[(0.15, 0.2), (0.45, 0.02), (0.75, 0.15), (0.65, 0.4), (0.45, 0.48), (0.75, 0.6), (0.75, 0.85), (0.45, 1.0),
          (0.1, 0.85)]],
        [[(0.25, 0.05), (0.65, 0.02), (0.75, 0.25), (0.5, 0.42), (0.35, 0.46), (0.5, 0.46), (0.8, 0.62),
          (0.68, 0.92), (0.35, 1.0), (0.12, 0.92)]],
    ],
    4: [
        [[(0.2, 0.02), (0.15, 0.3), (0.12, 0.55), (0.12, 0.55), (0.5, 0.55), (0.9, 0.52)],
         [(0.72, 0.0), (0.7, 0.5), (0.66, 1.0)]],
        [[(0.65, 0.0), (0.4, 0.3), (0.1, 0.65), (0.1, 0.65), (0.5, 0.65), (0.95, 0.64)],
         [(0.65, 0.0), (0.65, 0.5), (0.65, 1.0)]],
        [[(0.15, 0.05), (0.1, 0.4), (0.3, 0.52), (0.6, 0.48), (0.78, 0.35)],
         [(0.82, 0.02), (0.76, 0.5), (0.7, 1.0)]],
        [[(0.25, 0.1), (0.15, 0.4), (0.25, 0.55), (0.7, 0.5), (0.7, 0.5), (0.75, 0.25), (0.8, 0.05), (0.8, 0.05),
          (0.7, 0.5), (0.62, 1.0)]],
        [[(0.2, 0.12), (0.1, 0.48), (0.4, 0.55), (0.75, 0.5)], [(0.6, 0.2), (0.6, 0.6), (0.58, 1.0)]],
    ],
    5: [
        [[(0.82, 0.02), (0.5, 0.03), (0.22, 0.04), (0.22, 0.04), (0.2, 0.25), (0.17, 0.45), (0.17, 0.45),
          (0.5, 0.38), (0.82, 0.55), (0.8, 0.85), (0.45, 1.0), (0.1, 0.9)]],
        [[(0.25, 0.08), (0.22, 0.28), (0.2, 0.45), (0.2, 0.45), (0.55, 0.4), (0.82, 0.6), (0.72, 0.9), (0.4, 1.0),
          (0.1, 0.9)], [(0.25, 0.07), (0.6, 0.06), (0.92, 0.02)]],
        [[(0.9, 0.0), (0.6, 0.02), (0.4, 0.06), (0.4, 0.06), (0.32, 0.25), (0.28, 0.4), (0.5, 0.5), (0.68, 0.68),
          (0.55, 0.92), (0.3, 0.99), (0.08, 0.92)]],
        [[(0.85, 0.05), (0.55, 0.02), (0.3, 0.08), (0.18, 0.3), (0.35, 0.45), (0.65, 0.55), (0.75, 0.8), (0.45, 1.0),
          (0.12, 0.92)]],
    ],
    6: [
        [[(0.65, 0.0), (0.35, 0.25), (0.18, 0.6), (0.25, 0.9), (0.55, 1.0), (0.8, 0.8), (0.7, 0.55), (0.42, 0.55),
          (0.2, 0.75)]],
        [[(0.45, 0.0), (0.25, 0.35), (0.15, 0.7), (0.35, 0.98), (0.7, 0.95), (0.85, 0.75), (0.65, 0.58), (0.35, 0.66),
          (0.2, 0.82)]],
        [[(0.85, 0.08), (0.55, 0.05), (0.25, 0.35), (0.15, 0.7), (0.4, 1.0), (0.75, 0.88), (0.75, 0.58), (0.45, 0.5),
          (0.2, 0.65)]],
        [[(0.35, 0.0), (0.2, 0.3), (0.12, 0.65), (0.22, 0.95), (0.5, 0.98), (0.6, 0.75), (0.42, 0.6), (0.2, 0.75)]],
    ],
    7: [
        [[(0.1, 0.06), (0.5, 0.05), (0.85, 0.04), (0.85, 0.04), (0.65, 0.45), (0.45, 1.0)]],
        [[(0.12, 0.18), (0.18, 0.05), (0.5, 0.06), (0.85, 0.02), (0.85, 0.02), (0.68, 0.4), (0.5, 1.0)]],
        [[(0.1, 0.06), (0.5, 0.05), (0.88, 0.04), (0.88, 0.04), (0.62, 0.48), (0.45, 1.0)],
         [(0.3, 0.5), (0.55, 0.48), (0.85, 0.46)]],
        [[(0.08, 0.12), (0.35, 0.06), (0.65, 0.1), (0.85, 0.06), (0.78, 0.3), (0.68, 0.6), (0.65, 1.0)]],
        [[(0.1, 0.1), (0.45, 0.02), (0.78, 0.08), (0.8, 0.3), (0.6, 0.65), (0.42, 1.0)]],
    ],
    8: [
        [[(0.78, 0.15), (0.5, 0.0), (0.22, 0.18), (0.4, 0.42), (0.7, 0.62), (0.72, 0.88), (0.45, 1.0), (0.2, 0.85),
          (0.3, 0.62), (0.62, 0.42), (0.8, 0.2), (0.68, 0.04)]],
        [[(0.5, 0.48), (0.22, 0.3), (0.3, 0.05), (0.6, 0.0), (0.78, 0.2), (0.5, 0.48), (0.2, 0.7), (0.3, 0.97),
          (0.65, 0.98), (0.8, 0.75), (0.5, 0.48)]],
        [[(0.8, 0.1), (0.5, 0.02), (0.3, 0.15), (0.42, 0.4), (0.62, 0.65), (0.55, 0.95), (0.3, 0.97), (0.25, 0.75),
          (0.5, 0.5), (0.75, 0.28), (0.85, 0.08)]],
        [[(0.7, 0.06), (0.4, 0.04), (0.28, 0.25), (0.5, 0.48), (0.78, 0.7), (0.6, 0.98), (0.28, 0.92), (0.3, 0.65),
          (0.6, 0.4), (0.78, 0.18), (0.62, 0.03)]],
    ],
    9: [
        [[(0.78, 0.15), (0.5, 0.02), (0.2, 0.2), (0.25, 0.45), (0.55, 0.48), (0.78, 0.2), (0.78, 0.2), (0.75, 0.6),
          (0.68, 1.0)]],
        [[(0.75, 0.12), (0.4, 0.03), (0.18, 0.28), (0.4, 0.48), (0.7, 0.3), (0.78, 0.1), (0.72, 0.5), (0.55, 0.88),
          (0.35, 1.0)]],
        [[(0.72, 0.25), (0.55, 0.02), (0.25, 0.1), (0.2, 0.38), (0.5, 0.5), (0.72, 0.25), (0.75, 0.55), (0.65, 0.9),
          (0.35, 0.99), (0.15, 0.88)]],
        [[(0.82, 0.05), (0.45, 0.05), (0.2, 0.28), (0.42, 0.42), (0.75, 0.22), (0.82, 0.05), (0.65, 0.5),
          (0.5, 1.0)]],
        [[(0.6, 0.08), (0.35, 0.05), (0.2, 0.25), (0.35, 0.42), (0.6, 0.3), (0.62, 0.08), (0.6, 0.5), (0.6, 1.0)]],
    ],
}  # fmt: skip


def draw_digits(
    count: int, seed: int, progress: Callable[[int], None] = lambda done: None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw `count` digits: images (count, 28, 28) uint8 as MNIST frames them, and labels (count,) uint8.

    The same `seed` draws the same digits; each of the ten comes (nearly) equally often, in random order.
    `progress` is called now and then with the number drawn so far.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    images = np.empty((count, 28, 28), dtype=np.uint8)
    for i, label in enumerate(labels):
        images[i] = draw_digit(int(label), rng)
        if i % 250 == 249:
            progress(i + 1)
    return images, labels


def draw_digit(digit: int, rng: np.random.Generator) -> Frame:
    """One drawing of `digit`, (28, 28) uint8, 0 paper … 255 ink."""
    ways = WAYS[digit]
    way = ways[rng.integers(len(ways))]
    hand = _hand(rng)
    jitter = rng.uniform(0.0, 0.045)
    moved = {point: np.asarray(point) + rng.normal(0.0, jitter, 2) for stroke in way for point in stroke}
    pen = _DIGIT * rng.uniform(0.06, 0.17)
    canvas = Image.new("L", (_CANVAS, _CANVAS))
    brush = ImageDraw.Draw(canvas)
    for stroke in way:
        line = hand(_curve(np.array([moved[point] for point in stroke])))
        _draw_stroke(brush, line, pen)
    return center_digit(np.asarray(canvas, dtype=np.float32) / np.float32(255))


def _hand(rng: np.random.Generator) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """A random hand: points (n, 2) in the unit square -> points on the canvas, in pixels."""
    rotation, slant = rng.normal(0.0, math.radians(7)), rng.normal(0.12, 0.22)
    width, height = rng.uniform(0.55, 1.05), rng.uniform(0.85, 1.05)
    turn = np.array([[math.cos(rotation), -math.sin(rotation)], [math.sin(rotation), math.cos(rotation)]])
    affine = turn @ np.array([[width, -slant], [0.0, height]]) * _DIGIT
    bend, waves, phases = rng.normal(0.0, 0.03, 2), rng.uniform(2.0, 6.0, 2), rng.uniform(0.0, 2 * math.pi, 2)

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        bent = points + bend * np.sin(points[:, ::-1] * waves + phases)
        placed: NDArray[np.float64] = (bent - 0.5) @ affine.T + _CANVAS / 2
        return placed

    return place


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along a centripetal-like Catmull-Rom curve through `points` (n, 2); doubled points are corners."""
    before = np.vstack([2 * points[0] - points[1], points[:-2]])
    after = np.vstack([points[2:], 2 * points[-1] - points[-2]])
    start, end = points[:-1], points[1:]
    corner = np.all(start == end, axis=1)
    tangent_in = np.where(np.roll(corner, 1)[:, None], end - start, (end - before) / 2)
    tangent_out = np.where(np.roll(corner, -1)[:, None], end - start, (after - start) / 2)
    t = np.linspace(0.0, 1.0, _CURVE, endpoint=False)[None, :, None]
    pieces = (
        (2 * t**3 - 3 * t**2 + 1) * start[:, None]
        + (t**3 - 2 * t**2 + t) * tangent_in[:, None]
        + (3 * t**2 - 2 * t**3) * end[:, None]
        + (t**3 - t**2) * tangent_out[:, None]
    )
    return np.vstack([pieces[~corner].reshape(-1, 2), points[-1:]])


def _draw_stroke(brush: ImageDraw.ImageDraw, line: NDArray[np.float64], pen: float) -> None:
    """A polyline (n, 2) in pixels with a round pen of width `pen`."""
    brush.line([(float(x), float(y)) for x, y in line], fill=255, width=round(pen), joint="curve")
    radius = pen / 2
    for x, y in (line[0], line[-1]):
        brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
