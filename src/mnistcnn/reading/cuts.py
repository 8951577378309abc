"""Finds cuts between touching digits: paths from top to bottom through as little ink as possible. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Ink
from mnistcnn.ink.strokes import pad, stroke_width
from mnistcnn.ink.threshold import SURE
from mnistcnn.reading.marks import Mark, crop

_ROWS = 40  # marks are scaled so that their digits have this height, in pixels
_SLANT = 0.25  # a cut moves so many columns to the left for each row down, as most handwriting leans
_SIDEWAYS = 1.0  # each column of deviation from the slant costs as much as so many pixels of ink
_EVERY = 4  # a path is tried through each pixel of every fourth row
_CRUMB = 0.04  # no cut separates less than this share of the ink
_WIDEST = 20  # heights; a larger mark is not digits


class Spacing(NamedTuple):
    """The spacing of a mark's cuts."""

    most: int  # the number of cuts for each height of the mark's width, at most
    apart: float  # the least ink between two cuts, as a share of a stroke that is as long as the mark is high


FINE, MEDIUM, COARSE = Spacing(16, 0.15), Spacing(12, 0.2), Spacing(8, 0.25)

Paths = NDArray[np.intp]  # (N, height): the column of each path in each row


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut of a mark in two: `edge` (height,) is its column in each row; a `cost` of 1 cuts through one stroke."""

    edge: NDArray[np.float64]
    cost: float


def find_cuts(mark: Mark, height: float, spacing: Spacing = FINE) -> list[Cut]:
    """Find the cuts of a mark, from left to right; `height` is the height of its row's digits, in pixels."""
    if max(mark.width, mark.height) > _WIDEST * height:
        return []
    small = _reduced(mark.ink, height)
    pen = max(stroke_width(pad(small, 2)), 1.0)
    paths = _find_paths(small)
    levels = small[np.arange(len(small)), paths]
    costs = (levels * (levels > SURE)).sum(axis=1) / pen
    apart = spacing.apart * pen * len(small)
    limit = 1 + round(spacing.most * mark.width / height)
    chosen = _choose(small, paths, costs, apart, limit)
    return [Cut(_enlarged(paths[i], mark.ink.shape, small.shape), float(costs[i])) for i in chosen]


def _reduced(ink: Ink, height: float) -> Ink:
    scale = _ROWS / height
    size = max(8, round(ink.shape[1] * scale)), max(3, round(ink.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ink, size, interpolation=method), dtype=np.float32)


def _find_paths(ink: Ink) -> Paths:
    """Find the path of least ink from top to bottom through each pixel of every few rows, by dynamic programming."""
    # The single path of least ink may miss a boundary that several strokes cross; so many paths are tried.
    up = _steps(ink, _SLANT)
    down = _steps(ink[::-1], -_SLANT)[::-1]
    height, width = ink.shape
    rows = np.arange(_EVERY // 2, height, _EVERY)
    paths = np.empty((len(rows), width, height), dtype=np.intp)
    for steps, order in ((up, range(height - 1, -1, -1)), (down, range(height))):
        at = np.tile(np.arange(width), (len(rows), 1))
        for row in order:
            begun = rows >= row if steps is up else rows <= row
            paths[begun, :, row] = at[begun]
            at[begun] += steps[row, at[begun]]
    return paths.reshape(-1, height)


def _steps(ink: Ink, slant: float) -> NDArray[np.int8]:
    """Find for each pixel the step, in columns to the right, from it to the row above on its path of least ink."""
    moves = np.arange(-2, 3)
    prices = (_SIDEWAYS * np.abs(moves - slant)).astype(np.float32)[:, None]
    steps = np.zeros(ink.shape, dtype=np.int8)
    cost = ink[0]
    width = ink.shape[1]
    for row in range(1, len(ink)):
        before = np.pad(cost, 2, constant_values=1e9)  # this keeps paths within the mark
        ways = prices + np.stack([before[2 + move : 2 + move + width] for move in moves])
        best = ways.argmin(axis=0)
        steps[row] = moves[best]
        cost = ways[best, np.arange(width)] + ink[row]
    return steps


def _choose(ink: Ink, paths: Paths, costs: NDArray[np.float32], apart: float, limit: int) -> list[int]:
    """Choose at most `limit` of the cheapest paths, left to right, with more ink than `apart` between any two."""
    before = np.pad(np.cumsum(ink, axis=1), ((0, 0), (1, 0)))
    left = before[np.arange(len(ink)), paths + 1]  # the ink to the left of each path, in each row
    shares = left.sum(axis=1) / max(float(ink.sum()), 1e-6)
    free = (shares > _CRUMB) & (shares < 1 - _CRUMB)
    chosen: list[int] = []
    for i in np.argsort(costs, kind="stable"):
        if free[i] and len(chosen) < limit:
            chosen.append(int(i))
            free &= np.abs(left - left[i]).sum(axis=1) > apart
    return sorted(chosen, key=lambda i: shares[i])


def _enlarged(path: NDArray[np.intp], shape: tuple[int, ...], small: tuple[int, ...]) -> NDArray[np.float64]:
    """Scale a path to full size: a column for each row."""
    rows = (np.arange(shape[0]) + 0.5) * small[0] / shape[0] - 0.5
    return np.asarray(np.interp(rows, np.arange(small[0]), path + 0.5) * shape[1] / small[1])


def between(mark: Mark, left: Cut | None, right: Cut | None) -> Mark | None:
    """Return the part of a mark between two cuts, or between a cut and an end; None if there is no ink."""
    if not (left or right):
        return mark
    columns = np.arange(mark.width)
    inside = np.ones(mark.ink.shape, dtype=bool)
    if left:
        inside &= columns >= left.edge[:, None]
    if right:
        inside &= columns < right.edge[:, None]
    return crop(replace(mark, ink=np.where(inside, mark.ink, np.float32(0))))
