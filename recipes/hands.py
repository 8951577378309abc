"""Digits as other pens and hands write them: MNIST's varied, and ways of writing that MNIST hardly has, drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Ink, ink_box
from mnistcnn.ink.strokes import dilate, thin
from recipes.ink import Rng, by_hand, crop, cut_out, draw_stroke, enlarge, framed, join, parse_strokes, write
from recipes.printing import print_text

Frames = NDArray[np.uint8]  # (N, 28, 28), 0 paper … 255 ink

_PRINTED = 0.15  # of the drawn digits

# Ways of writing each digit; in the file each has a line: the digit, a space, and its strokes.
_WAYS: dict[int, list[list[NDArray[np.float64]]]] = {digit: [] for digit in range(10)}
for _line in resources.files(__package__).joinpath("digits.txt").read_text(encoding="ascii").splitlines():
    _WAYS[int(_line[0])].append(parse_strokes(_line[2:]))


def vary_digits(digits: Frames, labels: Sequence[int], rng: Rng) -> Frames:
    """`digits` (N, 28, 28) uint8 as other pens and hands write them, as predict frames them; same shape."""
    return np.stack([framed(partial(_varied, digits, i, label, rng), rng) for i, label in enumerate(labels)])


def draw_digits(count: int, rng: Rng) -> tuple[Frames, NDArray[np.int64]]:
    """Draw `count` digits stroke by stroke: frames (count, 28, 28) uint8 and labels (count,) int64."""
    labels = rng.integers(10, size=count)
    return np.stack([framed(partial(_written, label, rng), rng) for label in labels.tolist()]), labels


def _written(label: int, rng: Rng) -> Ink:
    """A digit, written in one of the ways of `digits.txt`, or printed."""
    if rng.random() < _PRINTED:
        return by_hand(print_text(str(label), rng), rng)
    ways = _WAYS[label]
    return by_hand(write(ways[rng.integers(len(ways))], rng), rng)


def _varied(digits: Frames, i: int, label: int, rng: Rng) -> Ink:
    """Digit i by another pen and hand, at times with a stroke that some people add, or cut out of a row."""
    ink = enlarge(digits[i], rng, turn=0.15, stretch=0.2)
    if label in _ADDED:
        add, share = _ADDED[label]
        if rng.random() < share:
            add(ink, rng)
    pen = rng.integers(4)
    if pen == 1:
        ink = thin(ink, float(rng.uniform(0.5, 2)))
    elif pen == 2:
        ink = dilate(ink, float(rng.uniform(0.5, 3)))
    ink = by_hand(ink, rng)
    if rng.random() < 0.12:  # with a sliver of its neighbour, or without one of its own
        neighbour = crop(enlarge(digits[rng.integers(len(digits))], rng, turn=0.1, stretch=0.15))
        sliver = cut_out(neighbour, 0, rng.uniform(0.02, 0.1), rng)
        return join([cut_out(crop(ink), rng.uniform(0, 0.06), 1, rng), sliver], 0.0, rng)
    return ink


def _slash(ink: Ink, rng: Rng) -> None:
    """Draw the slash of a 0, from the upper right to the lower left."""
    rows, columns = ink_box(ink) or (slice(0, 1), slice(0, 1))
    over = rng.uniform(-0.15, 0.2)
    start = [columns.stop + over * (columns.stop - columns.start), rows.start - over * (rows.stop - rows.start)]
    end = [columns.start - over * (columns.stop - columns.start), rows.stop + over * (rows.stop - rows.start)]
    draw_stroke(ink, np.array([start, end]), int(rng.integers(3, 6)))


def _cross(ink: Ink, rng: Rng) -> None:
    """Draw the bar of a crossed 7."""
    rows, _ = ink_box(ink) or (slice(0, 1), slice(0, 1))
    height, y = rows.stop - rows.start, rows.start + (rows.stop - rows.start) * rng.uniform(0.4, 0.62)
    x = _middle(ink, y)
    reach, tilt = height * rng.uniform(0.15, 0.3), height * rng.normal(0, 0.05)
    draw_stroke(ink, np.array([[x - reach, y + tilt], [x + reach, y - tilt]]), int(rng.integers(3, 7)))


def _flag(ink: Ink, rng: Rng) -> None:
    """Draw the flag of a 1, down to the left from its top, and at times its foot."""
    rows, _ = ink_box(ink) or (slice(0, 1), slice(0, 1))
    pen, height = int(rng.integers(3, 7)), rows.stop - rows.start
    top, base = rows.start + pen / 2, rows.stop - pen / 2
    start, end = _middle(ink, top), _middle(ink, base)
    slope, reach = rng.uniform(0.4, 1.6), height * rng.uniform(0.15, 0.4)
    draw_stroke(ink, np.array([[start, top], [start - reach, top + slope * reach]]), pen)
    if rng.random() < 0.4:
        foot = height * rng.uniform(0.12, 0.35)
        draw_stroke(ink, np.array([[end - foot, base], [end + foot, base]]), pen)


def _middle(ink: Ink, y: float) -> float:
    """The mean column of the ink in one row."""
    row = ink[int(y)]
    return float(row @ np.arange(len(row))) / (float(row.sum()) or 1.0)


# The stroke that some people add to a digit, and how often it is added here.
_ADDED: dict[int, tuple[Callable[[Ink, Rng], None], float]] = {0: (_slash, 0.06), 1: (_flag, 0.35), 7: (_cross, 0.35)}
