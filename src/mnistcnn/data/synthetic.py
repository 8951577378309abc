"""Draws synthetic digits, for machines without a network.

Every way of writing a digit is a list of strokes, every stroke a list of points (x right, y down, in a unit
square) that a smooth curve passes through; a point given twice in a row is a corner. Each drawing jitters the
points, bends, slants, rotates and scales the digit, picks a pen, and is framed as MNIST frames its digits.
"""

import json
import math
from collections.abc import Callable
from importlib import resources

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mnistcnn.ink.framing import Frame, center_digit

TRAIN_COUNT, TEST_COUNT = 12_000, 2_000
_CANVAS = 84  # pixels; three times MNIST's, so that framing smooths the edges
_DIGIT = 54  # the side of the unit square on the canvas, in pixels
_CURVE = 7  # straight pieces between two points of a stroke

Stroke = list[tuple[float, float]]
WAYS: dict[int, list[list[Stroke]]] = {
    int(digit): [[[(x, y) for x, y in stroke] for stroke in way] for way in ways]
    for digit, ways in json.loads((resources.files(__package__) / "strokes.json").read_bytes()).items()
}


def render_digits(
    count: int, seed: int, progress: Callable[[int], None] = lambda done: None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw `count` digits: images (count, 28, 28) uint8 as MNIST frames them, and labels (count,) uint8.

    The same `seed` draws the same digits. Each of the ten is drawn equally often, or nearly so, in random order.
    `progress` is called with the number drawn so far, after each 250.
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10).astype(np.uint8)
    images = np.empty((count, 28, 28), dtype=np.uint8)
    for i, label in enumerate(labels):
        images[i] = render_digit(int(label), rng)
        if i % 250 == 249:
            progress(i + 1)
    return images, labels


def render_digit(digit: int, rng: np.random.Generator) -> Frame:
    """Draw `digit` once: (28, 28) uint8, 0 paper … 255 ink."""
    ways = WAYS[digit]
    way = ways[rng.integers(len(ways))]
    hand = _hand(rng)
    jitter = rng.uniform(0.0, 0.045)
    moved = {point: np.asarray(point) + rng.normal(0.0, jitter, 2) for stroke in way for point in stroke}
    pen = _DIGIT * rng.uniform(0.06, 0.17)  # width in pixels
    canvas = Image.new("L", (_CANVAS, _CANVAS))
    brush = ImageDraw.Draw(canvas)
    for stroke in way:
        line = hand(_curve(np.array([moved[point] for point in stroke])))
        brush.line([(float(x), float(y)) for x, y in line], fill=255, width=round(pen), joint="curve")
        for x, y in (line[0], line[-1]):  # round ends
            brush.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return center_digit(np.asarray(canvas, dtype=np.float32) / np.float32(255))


def _hand(rng: np.random.Generator) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Make a random hand: a function from points (n, 2) in the unit square to points on the canvas, in pixels."""
    rotation = rng.normal(0.0, math.radians(7))
    slant = rng.normal(0.12, 0.22)
    width = rng.uniform(0.55, 1.05)
    height = rng.uniform(0.85, 1.05)
    turn = np.array([[math.cos(rotation), -math.sin(rotation)], [math.sin(rotation), math.cos(rotation)]])
    affine = turn @ np.array([[width, -slant], [0.0, height]]) * _DIGIT
    bend = rng.normal(0.0, 0.03, 2)
    waves = rng.uniform(2.0, 6.0, 2)
    phases = rng.uniform(0.0, 2 * math.pi, 2)

    def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
        bent = points + bend * np.sin(points[:, ::-1] * waves + phases)
        return np.asarray((bent - 0.5) @ affine.T + _CANVAS / 2)

    return place


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (m, 2) along a Catmull-Rom curve through `points` (n, 2); doubled points are corners."""
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
