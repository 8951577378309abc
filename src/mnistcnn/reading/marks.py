"""Finds the marks of a page: connected ink, with its place on the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnistcnn.ink.components import Components, Mask, find_components
from mnistcnn.ink.framing import Ink, ink_box
from mnistcnn.ink.threshold import FAINT, SURE


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses."""

    # Which faint ink belongs to a stroke.
    reach_share: float = 0.03  # of the page's longer side; faint ink farther from a stroke is a ruled line
    least_reach_pixels: int = 3  # the same, on a small page
    least_sure_share: float = 0.2  # of connected ink that is more than faint; ink with less of it is not a stroke

    # Which strokes are marks.
    least_extent_pixels: int = 4
    extents_per_side: int = 300  # the least extents that fit into the page's longer side
    least_area_pixels: int = 6
    least_mean_ink: float = 0.3  # 0 … 1; a mark with less is dirt
    most_marks: int = 600  # on a page; the largest are kept

    # Which marks are pale.
    strong_quantile: float = 0.75  # of the marks' mean ink; the strength of the stronger marks
    pale_share: float = 0.65  # of that strength; a mark with less is pale
    pale_pixel_share: float = 0.5  # of a mark's pixels; with more of them in pale ink a mark is pale
    full_quantile: float = 0.75  # of a pale mark's ink; this and more becomes full ink


PARAMS = Params()


@dataclass(frozen=True, slots=True)
class Mark:
    """Connected ink (height, width) in 0 … 1, and where its upper left corner lies on the page, in pixels.

    A `pale` mark was written with less ink than most: it may be a digit in pencil, or a smudge. A `cut_off` mark
    reaches the edge of the page: a part of it may be missing.
    """

    top: int
    left: int
    ink: Ink
    pale: bool = False
    cut_off: bool = False

    @property
    def height(self) -> int:
        """The height of its box, in pixels."""
        return int(self.ink.shape[0])

    @property
    def width(self) -> int:
        """The width of its box, in pixels."""
        return int(self.ink.shape[1])

    @property
    def right(self) -> int:
        """The first column to the right of it, in pixels."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row below it, in pixels."""
        return self.top + self.height

    @property
    def x(self) -> float:
        """The column of the middle of its box, in pixels."""
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        """The row of the middle of its box, in pixels."""
        return self.top + self.height / 2


def find_marks(ink: Ink, pale_ink: Ink | None = None) -> tuple[list[Mark], bool]:
    """The marks of a page's ink, (height, width) in 0 … 1, and whether there were too many, so that some are left out.

    The marks are in reading order of their first pixels. `pale_ink` is the part of the ink that was written with less
    of it than the rest.
    """
    strokes = _find_strokes(ink)
    closed = cv2.morphologyEx(strokes.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0
    parts = find_components(closed)
    extents = np.maximum(parts.heights, parts.widths)
    strength = np.bincount(parts.labels[strokes], ink[strokes], len(parts.areas) + 1)[1:] / np.maximum(parts.areas, 1)
    least_extent = max(PARAMS.least_extent_pixels, max(ink.shape) // PARAMS.extents_per_side)
    large = (extents >= least_extent) & (parts.areas >= PARAMS.least_area_pixels)
    chosen = np.flatnonzero(large & (strength > PARAMS.least_mean_ink))
    strong = np.quantile(strength[chosen], PARAMS.strong_quantile) if len(chosen) else 0.0
    pale = strength < PARAMS.pale_share * strong
    if pale_ink is not None:
        pale_pixels = np.bincount(parts.labels[strokes & (pale_ink > 0)], minlength=len(parts.areas) + 1)[1:]
        pale |= pale_pixels > PARAMS.pale_pixel_share * parts.areas
    too_many = len(chosen) > PARAMS.most_marks
    if too_many:
        chosen = np.sort(chosen[np.argsort(-extents[chosen], kind="stable")[: PARAMS.most_marks]])
    marks = [_cut_out(ink, parts, int(i), pale=bool(pale[i])) for i in chosen]
    return marks, too_many


def _find_strokes(ink: Ink) -> Mask:
    """Where a page has strokes (height, width): sure ink, and the faint ink that continues it nearby."""
    reach = max(PARAMS.least_reach_pixels, round(PARAMS.reach_share * max(ink.shape)))
    near = cv2.dilate((ink > SURE).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    faint = find_components((ink > FAINT) & near)
    sure = np.bincount(faint.labels[ink > SURE], minlength=len(faint.areas) + 1)[1:]
    return faint.mask(sure >= PARAMS.least_sure_share * faint.areas)


def _cut_out(ink: Ink, parts: Components, index: int, *, pale: bool) -> Mark:
    """The mark of component `index` of a page's ink, with a margin of one pixel."""
    rows, columns = parts.box(index)
    top = max(rows.start - 1, 0)
    left = max(columns.start - 1, 0)
    around = (slice(top, rows.stop + 1), slice(left, columns.stop + 1))
    own = parts.labels[around] == index + 1
    near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    levels = np.where(near, ink[around], np.float32(0))
    if pale:
        levels = np.minimum(levels / np.quantile(levels[own], PARAMS.full_quantile), np.float32(1))
    cut_off = rows.start == 0 or columns.start == 0 or rows.stop == ink.shape[0] or columns.stop == ink.shape[1]
    return Mark(top, left, levels, pale=pale, cut_off=cut_off)


def join(marks: Iterable[Mark]) -> Mark:
    """Several marks as one; it is pale if all of them are, and cut off if one of them is."""
    marks = list(marks)
    if len(marks) == 1:
        return marks[0]
    top = min(mark.top for mark in marks)
    left = min(mark.left for mark in marks)
    height = max(mark.bottom for mark in marks) - top
    width = max(mark.right for mark in marks) - left
    ink = np.zeros((height, width), dtype=np.float32)
    for mark in marks:
        part = ink[mark.top - top : mark.bottom - top, mark.left - left : mark.right - left]
        np.maximum(part, mark.ink, out=part)
    pale = all(mark.pale for mark in marks)
    return Mark(top, left, ink, pale=pale, cut_off=any(mark.cut_off for mark in marks))


def crop(mark: Mark) -> Mark | None:
    """The mark with margins of one pixel at most; None if it is blank."""
    box = ink_box(mark.ink, SURE)
    if box is None:
        return None
    rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in box)
    ink = np.ascontiguousarray(mark.ink[rows, columns])
    return replace(mark, top=mark.top + rows.start, left=mark.left + columns.start, ink=ink)
