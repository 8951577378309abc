"""Finds cuts between touching digits: paths from top to bottom through as little ink as possible."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from mnistcnn.ink.framing import Ink
from mnistcnn.ink.strokes import pad, stroke_width
from mnistcnn.ink.threshold import SURE
from mnistcnn.reading.marks import Mark, crop


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses."""

    most_per_height: int = 10  # the number of cuts for each height of the mark's width; fitted
    least_strokes: float = 0.2  # the ink between two cuts; 1 is a stroke that is as long as the mark is high; fitted
    digit_pixels: int = 40  # marks are scaled so that their row's digits are this tall
    least_width_pixels: int = 8  # of a scaled mark
    least_height_pixels: int = 3  # of a scaled mark
    least_stroke_pixels: float = 1.0  # the width of a scaled mark's strokes
    slant_columns: float = 0.25  # that a cut moves to the left for each row down, as most handwriting leans
    sideways_cost: float = 1.0  # of a column's deviation from the slant, in pixels of ink
    path_rows: int = 4  # a path is tried through each pixel of every so many rows
    crumb_share: float = 0.04  # of the ink; no cut separates less
    most_heights: float = 20.0  # a mark of more extent is not digits


PARAMS = Params()

Paths = NDArray[np.intp]  # (N, height): the column of each path in each row


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut of a mark in two: `edge` (height,) is its column in each row; with a `cost` of 1 it crosses one stroke."""

    edge: NDArray[np.float64]
    cost: float


def find_cuts(mark: Mark, height: float) -> list[Cut]:
    """The cuts of a mark, from left to right; `height` is the height of its row's digits, in pixels."""
    if max(mark.width, mark.height) > PARAMS.most_heights * height:
        return []
    small = _scaled(mark.ink, height)
    pen = max(stroke_width(pad(small, 2)), PARAMS.least_stroke_pixels)
    paths = _find_paths(small)
    levels = small[np.arange(len(small)), paths]
    costs = (levels * (levels > SURE)).sum(axis=1) / pen
    apart = PARAMS.least_strokes * pen * len(small)
    limit = 1 + round(PARAMS.most_per_height * mark.width / height)
    chosen = _choose(small, paths, costs, apart, limit)
    return [Cut(_enlarged(paths[i], mark.ink.shape, small.shape), float(costs[i])) for i in chosen]


def _scaled(ink: Ink, height: float) -> Ink:
    """Ink scaled so that digits of `height` pixels have the height of a scaled row."""
    scale = PARAMS.digit_pixels / height
    width = max(PARAMS.least_width_pixels, round(ink.shape[1] * scale))
    rows = max(PARAMS.least_height_pixels, round(ink.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(ink, (width, rows), interpolation=method), dtype=np.float32)


def _find_paths(ink: Ink) -> Paths:
    """The path of least ink from top to bottom through each pixel of every few rows, by dynamic programming."""
    # The single path of least ink may miss a boundary that several strokes cross, so many paths are tried.
    up = _steps(ink, PARAMS.slant_columns)
    down = _steps(ink[::-1], -PARAMS.slant_columns)[::-1]
    height, width = ink.shape
    rows = np.arange(PARAMS.path_rows // 2, height, PARAMS.path_rows)
    paths = np.empty((len(rows), width, height), dtype=np.intp)
    for steps, order in ((up, range(height - 1, -1, -1)), (down, range(height))):
        at = np.tile(np.arange(width), (len(rows), 1))
        for row in order:
            begun = rows >= row if steps is up else rows <= row
            paths[begun, :, row] = at[begun]
            at[begun] += steps[row, at[begun]]
    return paths.reshape(-1, height)


def _steps(ink: Ink, slant: float) -> NDArray[np.int8]:
    """The step of each pixel's path of least ink from it to the row above, (height, width) in columns to the right."""
    moves = np.arange(-2, 3)
    prices = (PARAMS.sideways_cost * np.abs(moves - slant)).astype(np.float32)[:, None]
    steps = np.zeros(ink.shape, dtype=np.int8)
    width = ink.shape[1]
    columns = np.arange(width)
    before = np.full(width + 4, 1e9, dtype=np.float32)  # the margins keep paths within the mark
    before[2:-2] = ink[0]
    for row in range(1, len(ink)):
        ways = prices + sliding_window_view(before, width)
        best = ways.argmin(axis=0)
        steps[row] = moves[best]
        before[2:-2] = ways[best, columns] + ink[row]
    return steps


def _choose(ink: Ink, paths: Paths, costs: NDArray[np.float32], apart: float, limit: int) -> list[int]:
    """The indices of the cheapest paths, at most `limit`, left to right, with more ink than `apart` between any two."""
    before = np.pad(np.cumsum(ink, axis=1), ((0, 0), (1, 0)))
    left = before[np.arange(len(ink)), paths + 1]  # the ink to the left of each path, in each row
    shares = left.sum(axis=1) / max(float(ink.sum()), 1e-6)
    free = (shares > PARAMS.crumb_share) & (shares < 1 - PARAMS.crumb_share)
    chosen: list[int] = []
    for i in np.argsort(costs, kind="stable"):
        if free[i] and len(chosen) < limit:
            chosen.append(int(i))
            free &= np.abs(left - left[i]).sum(axis=1) > apart
    return sorted(chosen, key=lambda i: shares[i])


def _enlarged(path: NDArray[np.intp], shape: tuple[int, ...], small: tuple[int, ...]) -> NDArray[np.float64]:
    """A path through `small` ink, scaled to ink of `shape`, (height, width): the column (height,) in each row."""
    rows = (np.arange(shape[0]) + 0.5) * small[0] / shape[0] - 0.5
    return np.asarray(np.interp(rows, np.arange(small[0]), path + 0.5) * shape[1] / small[1])


def between(mark: Mark, left: Cut | None, right: Cut | None) -> Mark | None:
    """The part of a mark between two cuts, or between a cut and an end of the mark; None if there is no ink."""
    if not (left or right):
        return mark
    columns = np.arange(mark.width)
    inside = np.ones(mark.ink.shape, dtype=bool)
    if left:
        inside &= columns >= left.edge[:, None]
    if right:
        inside &= columns < right.edge[:, None]
    return crop(replace(mark, ink=np.where(inside, mark.ink, np.float32(0))))
