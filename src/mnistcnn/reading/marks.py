"""Ink → its connected strokes, each with its place on the page. No torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mnistcnn.ink.components import find_components
from mnistcnn.ink.framing import Ink, ink_box
from mnistcnn.ink.threshold import FAINT, SURE

_REACH = 0.03  # of the page; faint ink farther from a stroke is a ruled line
_FAINTEST = 0.3  # the mean ink of a mark; less is dirt
_PALE_SHARE = 0.65  # of the mean ink of the stronger marks; a mark with less is pale
_MOSTLY = 0.5  # of a mark's pixels
_FULL_QUANTILE = 0.75  # of a pale mark's ink; from this on it is full ink
MOST_MARKS = 600  # on a page; the largest are kept


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
        """In pixels."""
        return int(self.ink.shape[0])

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.ink.shape[1])

    @property
    def right(self) -> int:
        """The first column behind it."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first row below it."""
        return self.top + self.height

    @property
    def x(self) -> float:
        """The middle of its box."""
        return self.left + self.width / 2

    @property
    def y(self) -> float:
        """The middle of its box."""
        return self.top + self.height / 2


def find_marks(ink: Ink, pale_ink: Ink | None = None) -> tuple[list[Mark], bool]:
    """The connected strokes of a page's ink, in reading order of their first pixels; whether there were too many.

    `pale_ink` is the part of the ink that was written with less of it than the rest.
    """
    reach = max(3, round(_REACH * max(ink.shape)))
    near = cv2.dilate((ink > SURE).astype(np.uint8), np.ones((2 * reach + 1,) * 2, np.uint8)) > 0
    faint = find_components((ink > FAINT) & near)
    sure = np.bincount(faint.labels[ink > SURE], minlength=len(faint.areas) + 1)[1:]
    mask = faint.mask(sure >= 0.2 * faint.areas)
    parts = find_components(cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)) > 0)
    extents = np.maximum(parts.heights, parts.widths)
    strength = np.bincount(parts.labels[mask], ink[mask], len(parts.areas) + 1)[1:] / np.maximum(parts.areas, 1)
    chosen = np.flatnonzero((extents >= max(4, max(ink.shape) // 300)) & (parts.areas >= 6) & (strength > _FAINTEST))
    pale = strength < _PALE_SHARE * (np.quantile(strength[chosen], 0.75) if len(chosen) else 0.0)
    if pale_ink is not None:
        shares = np.bincount(parts.labels[mask & (pale_ink > 0)], minlength=len(parts.areas) + 1)[1:]
        pale |= shares > _MOSTLY * parts.areas
    too_many = len(chosen) > MOST_MARKS
    if too_many:
        chosen = np.sort(chosen[np.argsort(-extents[chosen], kind="stable")[:MOST_MARKS]])
    marks = []
    for i in chosen:
        rows, columns = parts.box(int(i))
        around = (slice(max(rows.start - 1, 0), rows.stop + 1), slice(max(columns.start - 1, 0), columns.stop + 1))
        own = parts.labels[around] == i + 1
        near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        levels = np.where(near, ink[around], np.float32(0))
        if pale[i]:
            levels = np.minimum(levels / np.quantile(levels[own], _FULL_QUANTILE), np.float32(1))
        cut_off = rows.start == 0 or columns.start == 0 or rows.stop == ink.shape[0] or columns.stop == ink.shape[1]
        marks.append(Mark(around[0].start, around[1].start, levels, pale=bool(pale[i]), cut_off=cut_off))
    return marks, too_many


def join(marks: Iterable[Mark]) -> Mark:
    """Several marks as one."""
    marks = list(marks)
    if len(marks) == 1:
        return marks[0]
    top, left = min(mark.top for mark in marks), min(mark.left for mark in marks)
    ink = np.zeros((max(m.bottom for m in marks) - top, max(m.right for m in marks) - left), dtype=np.float32)
    for mark in marks:
        part = ink[mark.top - top : mark.bottom - top, mark.left - left : mark.right - left]
        np.maximum(part, mark.ink, out=part)
    pale = all(mark.pale for mark in marks)
    return Mark(top, left, ink, pale=pale, cut_off=any(mark.cut_off for mark in marks))


def crop(mark: Mark) -> Mark | None:
    """The mark without empty margins; None where it is blank."""
    box = ink_box(mark.ink, SURE)
    if box is None:
        return None
    rows, columns = (slice(max(part.start - 1, 0), part.stop + 1) for part in box)
    ink = np.ascontiguousarray(mark.ink[rows, columns])
    return replace(mark, top=mark.top + rows.start, left=mark.left + columns.start, ink=ink)
