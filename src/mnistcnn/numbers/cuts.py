"""Where touching digits may be cut apart: paths from top to bottom through as little ink as possible. No torch."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.numbers.marks import SURE, Mark, crop
from mnistcnn.preprocessing.centering import Ink
from mnistcnn.preprocessing.morphology import pad, stroke_width

_ROWS = 40  # pixels of a digit's height at which cuts are looked for
_REACH = 9  # of these pixels to either side that a cut may wander
_SIDEWAYS = np.float32(0.04)  # what a pixel sideways costs, in pixels of ink
_APART = 4  # of these pixels, at the least, between two cuts
_CRUMB = 0.04  # of the ink; less is not cut off
_WIDEST = 20  # heights; marks of more are no digits

Paths = NDArray[np.intp]  # (N, height): the column of each path in each row


def cut(mark: Mark, height: float) -> list[tuple[Mark, float]]:
    """The pieces that a mark falls into where it may be cut, left to right, and what the cut left of each costs.

    `height` is that of its row's digits, in pixels. The cost is in strokes: 1 is one stroke cut straight across.
    """
    if max(mark.width, mark.height) > _WIDEST * height:
        return [(mark, 0.0)]
    small = _reduced(mark.ink, height)
    pen = max(stroke_width(pad(small, 2)), 1.0)
    share = mark.width / height
    wandering, straight = _wandering_paths(small), _straight_paths(small)
    # Where strokes run along each other the path of least ink does not lead between them: straight ones too.
    paths = np.concatenate([
        wandering[_choose(small, wandering, limit=1 + round(4 * share))],
        straight[_choose(small, straight, limit=round(2 * share))],
    ])  # fmt: skip
    paths = paths[np.argsort(paths.mean(axis=1), kind="stable")]
    # Where paths cross, the ink between them goes to one side only.
    edges = np.maximum.accumulate([_enlarged(path, mark.ink.shape, small.shape) for path in paths], axis=0)
    bounds = [np.zeros(mark.height), *edges, np.full(mark.height, float(mark.width))]
    costs = [0.0, *(_inked(small, paths) / pen)]
    pieces = (
        (_between(mark, left, right), float(cost)) for (left, right), cost in zip(pairwise(bounds), costs, strict=True)
    )
    return [(piece, cost) for piece, cost in pieces if piece is not None]


def _reduced(ink: Ink, height: float) -> Ink:
    scale = _ROWS / height
    size = max(8, round(ink.shape[1] * scale)), max(3, round(ink.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ink, size, interpolation=method), dtype=np.float32)


def _inked(ink: Ink, paths: Paths) -> NDArray[np.float32]:
    """How much ink each path cuts through, in pixels."""
    levels = ink[np.arange(len(ink)), paths]
    return np.asarray((levels * (levels > SURE)).sum(axis=1), dtype=np.float32)


def _straight_paths(ink: Ink) -> Paths:
    return np.repeat(np.arange(3, ink.shape[1] - 3)[:, None], len(ink), axis=1)


def _wandering_paths(ink: Ink) -> Paths:
    """For each column the path of least ink that begins, ends and stays near it, by dynamic programming."""
    height, width = ink.shape
    starts = np.arange(3, width - 3)
    wide = 2 * _REACH + 1
    padded = np.pad(ink, ((0, 0), (_REACH, _REACH)), constant_values=9.0)  # no path leaves the mark
    around = np.stack([padded[:, start : start + wide] for start in starts])
    # Starting or ending away from the middle costs a little, so that each path keeps to its own place.
    drift = np.abs(np.arange(wide, dtype=np.float32) - _REACH) * np.float32(2 * _SIDEWAYS)
    cost = around[:, 0] + drift
    steps = np.zeros(around.shape, dtype=np.int8)
    before = np.full((len(starts), wide + 2), 1e9, dtype=np.float32)
    for row in range(1, height):
        before[:, 1:-1] = cost
        left, here, right = before[:, :-2] + _SIDEWAYS, before[:, 1:-1], before[:, 2:] + _SIDEWAYS
        least = np.minimum(left, here)
        steps[:, row] = np.where(right < least, 1, -(left <= here).astype(np.int8))
        cost = np.minimum(least, right) + around[:, row]
    offset = (cost + drift).argmin(axis=1)
    paths = np.zeros((len(starts), height), dtype=np.intp)
    each = np.arange(len(starts))
    for row in range(height - 1, -1, -1):
        paths[:, row] = (offset + starts - _REACH).clip(0, width - 1)
        offset = offset + steps[each, row, offset]
    return paths


def _choose(ink: Ink, paths: Paths, limit: int) -> list[int]:
    """At most `limit` of the cheapest paths, each cheaper than those around it, that leave some ink on both sides."""
    costs, middles = _inked(ink, paths), paths.mean(axis=1)
    before = np.concatenate([[0.0], np.cumsum(ink.sum(axis=0))])
    left = before[np.rint(middles).astype(int)] / max(float(before[-1]), 1e-6)
    chosen: list[int] = []
    for i in np.argsort(costs, kind="stable"):
        near = np.abs(middles - middles[i]) < _APART
        if _CRUMB < left[i] < 1 - _CRUMB and costs[i] <= costs[near].min() and not any(near[j] for j in chosen):
            chosen.append(int(i))
    return chosen[:limit]


def _enlarged(path: NDArray[np.intp], shape: tuple[int, ...], small: tuple[int, ...]) -> NDArray[np.float64]:
    """A path at full size: a column for each row."""
    rows = (np.arange(shape[0]) + 0.5) * small[0] / shape[0] - 0.5
    return np.asarray(np.interp(rows, np.arange(small[0]), path + 0.5) * shape[1] / small[1])


def _between(mark: Mark, left: NDArray[np.float64], right: NDArray[np.float64]) -> Mark | None:
    columns = np.arange(mark.width)
    inside = (columns >= left[:, None]) & (columns < right[:, None])
    return crop(Mark(mark.top, mark.left, np.where(inside, mark.ink, np.float32(0))))
