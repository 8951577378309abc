"""Draws signs between digits with the digits' pen: slashes, points, commas, dashes, brackets and others.

Lines are in heights of a digit: x from 0 to the right, y from 0 at a digit's top to 1 at its baseline, downwards.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.drawings import Line, arc, through
from benchmarks.hands import Hand, stroke
from benchmarks.wild import Ink, Rng

Sign = Callable[[Rng], list[Line]]
KEPT = "./,:-+"  # a reader's text has these signs; it has a question mark for every other sign
_TALL, _ROOM = 100, 60  # pixels: a digit's height while it is drawn, and the canvas around it
_OWN_PEN = 0.11  # a share of the height: about MNIST's own strokes


def bowed(start: tuple[float, float], end: tuple[float, float], rng: Rng, bow: float = 0.04) -> Line:
    """Draw a slightly bent line from one point to another."""
    line = through(start, end)
    along = np.linspace(0, np.pi, len(line))[:, None]
    across = np.array([end[1] - start[1], start[0] - end[0]])
    bent: Line = line + np.sin(along) * across * rng.normal(0, bow)
    return bent


def _point(x: float, y: float, rng: Rng) -> Line:
    """A touch of the pen: a dot, or a stroke a little longer than wide."""
    return through((x, y), (x + rng.normal(0, 0.02), y + abs(rng.normal(0, 0.02))))


def _dash(x: float, y: float, width: float, rng: Rng) -> Line:
    tilt = rng.normal(0, 0.05)
    return bowed((x, y + tilt * width), (x + width, y - tilt * width), rng)


def full_stop(rng: Rng) -> list[Line]:
    """A point on the baseline."""
    return [_point(0, rng.uniform(0.94, 1.0), rng)]


def comma(rng: Rng) -> list[Line]:
    """A short stroke through the baseline, sometimes with a head."""
    top, reach = rng.uniform(0.88, 0.96), rng.uniform(0.12, 0.26)
    tail = bowed((0.08, top), (0.08 - rng.uniform(0.03, 0.12), top + reach), rng, 0.15)
    return [tail, _point(0.07, top, rng)] if rng.random() < 0.3 else [tail]


def colon(rng: Rng) -> list[Line]:
    """Two points, one above the other."""
    upper, lower = rng.uniform(0.25, 0.45), rng.uniform(0.75, 0.95)
    return [_point(0, upper, rng), _point(rng.normal(0, 0.02), lower, rng)]


def dash(rng: Rng) -> list[Line]:
    """A level stroke in the middle."""
    return [_dash(0, rng.uniform(0.45, 0.65), rng.uniform(0.25, 0.5), rng)]


def slash(rng: Rng) -> list[Line]:
    """A stroke that leans to the right, as tall as a digit or taller."""
    lean = rng.uniform(0.25, 0.6)
    return [bowed((lean, rng.uniform(-0.3, 0.05)), (0, rng.uniform(0.98, 1.3)), rng, 0.03)]


def plus(rng: Rng) -> list[Line]:
    """Two strokes that cross."""
    middle, reach = rng.uniform(0.5, 0.65), rng.uniform(0.2, 0.32)
    upright = bowed((reach, middle - reach), (reach + rng.normal(0, 0.03), middle + reach), rng)
    return [_dash(0, middle, 2 * reach, rng), upright]


def equals(rng: Rng) -> list[Line]:
    """Two dashes."""
    middle, apart, width = rng.uniform(0.5, 0.65), rng.uniform(0.1, 0.17), rng.uniform(0.35, 0.6)
    return [_dash(0, middle - apart, width, rng), _dash(rng.normal(0, 0.03), middle + apart, width, rng)]


def opening(rng: Rng) -> list[Line]:
    """A round bracket that opens."""
    return [arc(0.3, 0.5, rng.uniform(0.15, 0.3), 0.29, 0.71, rng.uniform(0.6, 0.75))]


def closing(rng: Rng) -> list[Line]:
    """A round bracket that closes."""
    return [arc(0, 0.5, rng.uniform(0.15, 0.3), -0.21, 0.21, rng.uniform(0.6, 0.75))]


def percent(rng: Rng) -> list[Line]:
    """Two rings and a slash between, now and then joined to one of them."""
    ring, wide = rng.uniform(0.11, 0.17), rng.uniform(0.55, 0.75)
    bar = bowed((wide, rng.uniform(-0.05, 0.1)), (rng.uniform(0, 0.1), rng.uniform(0.95, 1.1)), rng, 0.03)
    below = arc(wide, 1 - ring, ring, 0, rng.uniform(0.92, 1.05))
    above = arc(ring, ring + 0.02, ring, 0, rng.uniform(0.92, 1.05))
    return [above, bar, below] if rng.random() < 0.75 else [through((2 * ring, ring), (wide, 0.03)), above, bar, below]


def euro(rng: Rng) -> list[Line]:
    """An open round and two bars."""
    radius, tall = rng.uniform(0.3, 0.4), rng.uniform(0.45, 0.52)
    left = 0.5 - radius - rng.uniform(0.08, 0.18)
    bars = [_dash(left, y, rng.uniform(0.35, 0.5), rng) for y in (0.42, rng.uniform(0.55, 0.62))]
    return [arc(0.5, 0.5, radius, 0.13, 0.87, tall), *bars]


def dollar(rng: Rng) -> list[Line]:
    """An S, and a bar or two through it."""
    curve = np.concatenate([arc(0.3, 0.27, 0.24, -0.1, -0.75, 0.23), arc(0.3, 0.73, 0.26, -0.25, 0.45, 0.24)])
    places = [0.3] if rng.random() < 0.7 else [0.23, 0.37]
    return [curve, *(bowed((x, -0.12), (x - 0.03, 1.14), rng, 0.02) for x in places)]


SIGNS: dict[str, Sign] = {
    ".": full_stop,
    ",": comma,
    ":": colon,
    "-": dash,
    "/": slash,
    "+": plus,
    "=": equals,
    "(": opening,
    ")": closing,
    "%": percent,
    "€": euro,
    "$": dollar,
}


def strokes(lines: list[Line], hand: Hand, height: float, rng: Rng, weight: float = 1.0) -> tuple[Ink, int]:
    """Draw the lines in a hand; return their ink, and the pixels by which it reaches below the baseline.

    `height` is a digit's, in pixels; the pen is `weight` times as broad as the hand's.
    """
    slanted = [line + np.stack([hand.slant * (1 - line[:, 1]), 0 * line[:, 1]], axis=1) for line in lines]
    first = np.min([line.min(axis=0) for line in slanted], axis=0)
    last = np.max([line.max(axis=0) for line in slanted], axis=0)
    width, tall = np.rint((last - first) * _TALL).astype(int) + 2 * _ROOM
    drawn = np.zeros((tall, width), np.uint8)
    for line in slanted:
        points = np.rint((line - first) * _TALL + _ROOM).astype(np.int32)
        cv2.polylines(drawn, [points], False, 1)
    scale = height / _TALL
    pen = weight * (_OWN_PEN if hand.own else hand.pen)
    ink = stroke(drawn > 0, scale, max(1.3, pen * height), rng)
    rows, columns = np.flatnonzero(ink.max(axis=1) > 0.2), np.flatnonzero(ink.max(axis=0) > 0.2)
    baseline = (_ROOM + (1 - first[1]) * _TALL) * scale
    below = round(rows[-1] + 1 - baseline)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], below


def sign(character: str, hand: Hand, height: float, rng: Rng) -> tuple[Ink, int]:
    """Draw one of `SIGNS`; `strokes` explains the rest."""
    weight = rng.uniform(1.1, 1.7) if character in ".:" else 1.0
    return strokes(SIGNS[character](rng), hand, height, rng, weight)
