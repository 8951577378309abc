"""Finds the marks on a sheet of ink that may be digits, in rows."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.ink.ruled_lines import remove_lines
from mnistcnn.ink.sheet import Matrix, Sheet
from mnistcnn.ink.strokes import stroke_width
from mnistcnn.reading.marks import Mark, find_marks
from mnistcnn.reading.rows import Row, find_rows, reduced

PixelBox = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the upright original


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses."""

    row_height_pixels: int = 80  # if all rows are taller, all are reduced until the shortest one has this height
    tiny_pixels: int = 40  # either way; an image as small shows one digit or two, and no ruled lines

    # Which marks at the page's edge are not digits.
    alike_height_times: float = 1.4  # a mark is as tall as most if its height differs by at most this factor
    most_digit_stroke_times: float = 2.5  # the width of the other marks' strokes, of a mark that is as tall as most
    most_stroke_times: float = 1.5  # the width of the other marks' strokes, of any other mark
    most_filled_share: float = 0.6  # of the mark's box, unless it is as narrow as a 1
    one_width_share: float = 0.5  # of its height; a mark that is no wider may be a 1
    least_width_share: float = 0.3  # of its height, at a side edge; a narrower mark is a strip of the table
    frame_sides: int = 3  # a mark that reaches as many sides of the page is a frame


PARAMS = Params()


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The marks of a sheet that may be digits, in `rows` from top to bottom.

    `matrix` maps their pixels to those of the upright image of `size`, (width, height). `too_many` is true if the sheet
    has more marks than are read.
    """

    rows: list[Row]
    matrix: Matrix
    size: tuple[int, int]
    too_many: bool


def look_at(sheet: Sheet, size: tuple[int, int], *, rows: bool = True) -> Look:
    """The marks of a sheet; `size` is (width, height) of the upright image. With `rows` false no marks are sought."""
    marks: list[Mark] = []
    too_many = False
    if rows:
        # In a tiny image the foot of a 1 is as long as a ruled line.
        ink = remove_lines(sheet.ink) if max(size) > PARAMS.tiny_pixels else sheet.ink
        pale = sheet.find_pale()
        marks, too_many = find_marks(np.maximum(ink, pale), pale)
    found = find_rows(_without_edges(marks, sheet.ink.shape))
    reduction = max(min((row.height for row in found), default=0.0) / PARAMS.row_height_pixels, 1.0)
    return Look(
        rows=[reduced(row, reduction) for row in found],
        matrix=sheet.matrix @ np.diag([reduction, reduction, 1.0]),
        size=size,
        too_many=too_many,
    )


def picture_box(mark: Mark, matrix: Matrix, size: tuple[int, int]) -> PixelBox:
    """The box of a mark in the upright image of `size`, (width, height); `matrix` maps the mark's pixels to it."""
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
    """The marks without the ones at the edges of a page of `shape`, (height, width), that are not digits.

    Such marks are frames, shadows and margins.
    """
    height, width = shape
    sides = np.array([[m.top == 0, m.bottom == height, m.left == 0, m.right == width] for m in marks]).reshape(-1, 4)
    at_edge = sides.any(axis=1)
    if at_edge.all() or not at_edge.any():
        return marks
    pens = np.array([stroke_width(mark.ink) for mark in marks])
    times = pens / np.median(pens[~at_edge])
    heights = np.array([mark.height for mark in marks]) / np.median([mark.height for mark in marks])
    as_tall = (heights >= 1 / PARAMS.alike_height_times) & (heights <= PARAMS.alike_height_times)
    dropped = at_edge & (times > np.where(as_tall, PARAMS.most_digit_stroke_times, PARAMS.most_stroke_times))
    wide = np.array([mark.width > PARAMS.one_width_share * mark.height for mark in marks])
    filled = np.array([mark.ink.mean() > PARAMS.most_filled_share for mark in marks])
    dropped |= at_edge & wide & filled  # the holes of a ring binder, a clip, a thumb
    dropped |= sides.sum(axis=1) >= PARAMS.frame_sides  # the frame of a form, or the table around the page
    narrow = np.array([mark.width < PARAMS.least_width_share * mark.height for mark in marks])
    narrow &= sides[:, 2:].any(axis=1)
    if narrow.sum() <= (~at_edge).sum():
        dropped |= narrow  # a strip of the table at the side of the page
    return [mark for mark, drop in zip(marks, dropped, strict=True) if not drop]
