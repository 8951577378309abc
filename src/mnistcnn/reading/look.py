"""A sheet of ink → the marks on it, in rows, and all of them as one digit."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.ink.ruled_lines import remove_lines
from mnistcnn.ink.sheet import Matrix, Sheet
from mnistcnn.ink.strokes import stroke_width
from mnistcnn.reading.marks import Mark, find_marks
from mnistcnn.reading.rows import Row, find_rows, reduced
from mnistcnn.reading.whole import Whole

PixelBox = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the upright original

_ROW_HEIGHT = 80  # pixels; digits that are all taller are reduced until the shortest row is this tall
_NARROW_HEIGHTS = 0.3  # of its own height; a mark as narrow along a side edge is not a digit; guess
_ALIKE = 1.4  # times; marks differ as little in height if they are digits of one hand; guess
_EDGE_DIGIT_STROKES = 2.5  # likewise, of a mark that is as tall as the others; guess
_EDGE_STROKES = 1.5  # stroke widths of the other marks; a mark that runs off the page and is wider is no stroke


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The marks of a sheet.

    `whole` is all of them as one digit, `rows` are those that may be digits, from top to bottom; both lie on the page,
    from which `row_matrix` and `whole_matrix` lead to the upright picture of `size`, (width, height) in pixels.
    `too_many` says that there were more marks than are looked at.
    """

    whole: Whole | None
    rows: list[Row]
    row_matrix: Matrix
    whole_matrix: Matrix
    size: tuple[int, int]
    too_many: bool


def look_at(sheet: Sheet, size: tuple[int, int], whole: Whole | None, *, rows: bool = True) -> Look:
    """The marks of a sheet of ink; `size` is that of the upright picture. Without `rows` there are none."""
    marks: list[Mark] = []
    too_many = False
    if rows:
        marks, too_many = find_marks(np.maximum(remove_lines(sheet.ink), sheet.pale), sheet.pale)
    found = find_rows(_without_edges(marks, sheet.ink.shape))
    reduction = max(min((row.height for row in found), default=0.0) / _ROW_HEIGHT, 1.0)
    return Look(
        whole=whole,
        rows=[reduced(row, reduction) for row in found],
        row_matrix=sheet.matrix @ np.diag([reduction, reduction, 1.0]),
        whole_matrix=sheet.matrix,
        size=size,
        too_many=too_many,
    )


def picture_box(mark: Mark, matrix: Matrix, size: tuple[int, int]) -> PixelBox:
    """Where a mark of the page lies in the upright picture of `size`, (width, height)."""
    left, top, right, bottom = mark.left, mark.top, mark.right, mark.bottom
    corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], dtype=np.float64)
    x, y = cv2.perspectiveTransform(corners, matrix)[0].T
    width, height = size
    return (
        int(np.clip(np.floor(x.min()), 0, width - 1)),
        int(np.clip(np.floor(y.min()), 0, height - 1)),
        int(np.clip(np.ceil(x.max()), 1, width)),
        int(np.clip(np.ceil(y.max()), 1, height)),
    )


def _without_edges(marks: list[Mark], shape: tuple[int, ...]) -> list[Mark]:
    """Marks without those of a page's edges."""
    height, width = shape
    sides = np.array([[m.top == 0, m.bottom == height, m.left == 0, m.right == width] for m in marks]).reshape(-1, 4)
    off = sides.any(axis=1)
    if off.all() or not off.any():
        return marks
    pens = np.array([stroke_width(mark.ink) for mark in marks])
    times = pens / np.median(pens[~off])
    heights = np.array([mark.height for mark in marks]) / np.median([mark.height for mark in marks])
    as_tall = (heights >= 1 / _ALIKE) & (heights <= _ALIKE)
    dropped = off & (times > np.where(as_tall, _EDGE_DIGIT_STROKES, _EDGE_STROKES))
    dropped |= sides.sum(axis=1) >= 3  # the side of a form, or of the table
    narrow = np.array([mark.width < _NARROW_HEIGHTS * mark.height for mark in marks]) & sides[:, 2:].any(axis=1)
    if narrow.sum() <= (~off).sum():
        dropped |= narrow  # a margin of the table beside the page
    return [mark for mark, drop in zip(marks, dropped, strict=True) if not drop]
