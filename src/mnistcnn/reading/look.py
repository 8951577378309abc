"""Finds the marks on a sheet of ink, both in rows and all together as one digit."""

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

_ROW_HEIGHT = 80  # pixels; if all rows are taller, all are reduced until the shortest one has this height
_TINY_PIXELS = 40  # either way; a picture as small shows one digit or two, and no ruled lines; guess
_NARROW_HEIGHTS = 0.3  # a mark at a side edge is not a digit if its width is less than this times its height; a guess
_ALIKE = 1.4  # heights that differ by at most this factor are alike, as those of one hand's digits are; a guess
_FILLED_SHARE = 0.6  # a mark at the edge is not a digit if its ink fills more of its box; a guess
_WIDE_HEIGHTS = 0.5  # unless its width is less than this times its height, as that of a 1 is; a guess
# A mark that runs off the page is not a digit if its strokes are wider than those of the other marks by this factor:
_EDGE_DIGIT_STROKES = 2.5  # if it is as tall as the others; a guess
_EDGE_STROKES = 1.5  # if it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The marks of a sheet.

    `whole` is all of them as one digit; `rows` are the marks that may be digits, from top to bottom. `whole_matrix`
    and `row_matrix` map their pixels to those of the upright image of `size`, (width, height). `too_many` is true if
    the sheet has more marks than are read.
    """

    whole: Whole | None
    rows: list[Row]
    row_matrix: Matrix
    whole_matrix: Matrix
    size: tuple[int, int]
    too_many: bool


def look_at(sheet: Sheet, size: tuple[int, int], whole: Whole | None, *, rows: bool = True) -> Look:
    """Find the marks of a sheet of ink; `size` is (width, height) of the upright image. `rows` false finds no rows."""
    marks: list[Mark] = []
    too_many = False
    if rows:
        # In a tiny picture the foot of a 1 is as long as a ruled line.
        ink = remove_lines(sheet.ink) if max(size) > _TINY_PIXELS else sheet.ink
        marks, too_many = find_marks(np.maximum(ink, sheet.pale), sheet.pale)
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
    """Return the box of a mark in the upright image of `size`, (width, height), in pixels."""
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
    """Drop the marks at the page's edges that are not digits: frames, shadows, margins."""
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
    wide = np.array([mark.width > _WIDE_HEIGHTS * mark.height for mark in marks])
    filled = np.array([mark.ink.mean() > _FILLED_SHARE for mark in marks])
    dropped |= off & wide & filled  # the holes of a ring binder, a clip, a thumb
    dropped |= sides.sum(axis=1) >= 3  # the frame of a form, or the table around the page
    narrow = np.array([mark.width < _NARROW_HEIGHTS * mark.height for mark in marks]) & sides[:, 2:].any(axis=1)
    if narrow.sum() <= (~off).sum():
        dropped |= narrow  # a strip of the table at the side of the page
    return [mark for mark, drop in zip(marks, dropped, strict=True) if not drop]
