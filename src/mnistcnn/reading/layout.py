"""A picture of a number → its digits in reading order. No torch: what scores the segments is passed in.

1. `find_page_ink`: the page upright, its paper subtracted, ruled lines and boxes away
2. `find_marks`: connected strokes
3. `find_rows`: the rows that they stand in
4. `build_lattice`: what may be one digit; touching digits are cut apart wherever they may meet
5. `best_path`: the segments that read a row best, all paths of a reading taken together
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mnistcnn.ink.decoding import Decoded
from mnistcnn.ink.page import Matrix, find_page_ink
from mnistcnn.ink.strokes import stroke_width
from mnistcnn.reading.marks import Mark, find_marks
from mnistcnn.reading.rows import Row, find_rows, reduced

WORKING_SIDE = 1600  # pixels; larger pictures are reduced to this
_TALL = 80  # pixels; digits that are all taller are reduced until the shortest row is this tall
_WIDEST = 1.5  # times the width of most strokes; what is wider and runs off the page is a shadow, or the table
PixelBox = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the upright original


@dataclass(frozen=True, slots=True)
class Layout:
    """The rows of marks on a picture, from top to bottom; whether there were more marks than are looked at.

    `matrix` leads from where the marks lie, on the page upright and reduced, to the upright original of `size`.
    """

    rows: list[Row]
    matrix: Matrix
    size: tuple[int, int]
    too_many: bool

    def box(self, left: float, top: float, right: float, bottom: float) -> PixelBox:
        """Where a box of the page lies in the original."""
        corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], dtype=np.float64)
        (x, y), (width, height) = cv2.perspectiveTransform(corners, self.matrix)[0].T, self.size
        low, high = np.floor([x.min(), y.min()]), np.ceil([x.max(), y.max()])
        (x0, y0), (x1, y1) = low.clip(0, [width - 1, height - 1]), high.clip(1, [width, height])
        return int(x0), int(y0), int(x1), int(y1)

    @property
    def runs_off(self) -> bool:
        """Whether a mark of its rows reaches the edge of the picture."""
        marks = [mark for row in self.rows for mark in row.marks]
        boxes = np.array([self.box(m.left, m.top, m.right, m.bottom) for m in marks]).reshape(-1, 4)
        return bool((boxes[:, :2] == 0).any() or (boxes[:, 2:] == self.size).any())


def find_layout(decoded: Decoded, invert: bool | None = None, *, inside: bool = False) -> Layout | None:
    """The marks of a picture in rows, with `inside` only those that don't run off it; None for nothing written."""
    colours = decoded.colours(WORKING_SIDE)
    page = find_page_ink(colours, invert)
    if page is None:
        return None
    marks, too_many = find_marks(page.ink)
    marks = _without_edges(marks, page.ink.shape, inside)
    rows = find_rows(marks)
    reduction = max(min((row.height for row in rows), default=0.0) / _TALL, 1.0)
    scale = decoded.size[0] / colours.shape[1]
    matrix = np.diag([scale, scale, 1.0]) @ np.linalg.inv(page.matrix) @ np.diag([reduction, reduction, 1.0])
    return Layout([reduced(row, reduction) for row in rows], matrix, decoded.size, too_many)


def _without_edges(marks: list[Mark], shape: tuple[int, ...], inside: bool) -> list[Mark]:
    """Marks without those of a page's edges; with `inside` without all that run off it."""
    off = np.array(
        [m.top == 0 or m.left == 0 or m.bottom == shape[0] or m.right == shape[1] for m in marks], dtype=bool
    )
    if not inside and (off.all() or not off.any()):
        return marks
    pens = np.array([stroke_width(mark.ink) for mark in marks])
    dropped = off if inside else off & (pens > _WIDEST * np.median(pens[~off]))
    return [mark for mark, drop in zip(marks, dropped, strict=True) if not drop]
