"""Marks → rows of digits, each followed from left to right, be it level, slanted or bent. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mnistcnn.reading.marks import Mark, join

_ALIKE = 1.5  # heights within this factor are those of digits of one hand
_LOW = 1.4  # times its height; as tall counts what is wide, at most: a dash, or digits that touch
_TALL = 0.5  # of the typical height; digits are at least this tall
_OFF = 0.6  # heights that a digit may lie above or below where its row is expected
_NEAR, _OFF_NEAR = 0.8, 0.85  # and when it follows closer than _NEAR heights
_SLOPES = (0.0, 0.1, -0.1, 0.2, -0.2, 0.35, -0.35, 0.5, -0.5, 0.7, -0.7, 1.0, -1.0)
_SLOPE_COST = 2.5  # rows that a slope of one must save
_LARGEST = 2.6  # heights; what is larger either way is no digit
_CROWDED = 300  # marks on a page
_SMALL = 0.3  # heights; a mark at least this tall may be a digit
_BESIDE, _FAR = 0.6, 3.0  # heights from the next digit, at the most: of a stroke, of a small digit
_ROUND = 1.5  # times as wide as high, at most, is a mark that others lie within
_SPECK = 0.12  # heights; what is smaller either way belongs to no digit


@dataclass(slots=True)
class Row:
    """Marks from left to right, whose digits are `height` pixels tall; on a `crowded` page none is cut apart."""

    height: float
    marks: list[Mark] = field(default_factory=list)
    crowded: bool = False

    def expected(self, x: float, slope: float) -> float:
        """The middle of the row at `x`, judged by the marks beside it."""
        near = sorted(self.marks, key=lambda mark: abs(mark.x - x))[:3]
        weights = np.array([1 / (1 + abs(mark.x - x) / self.height) for mark in near])
        return float(weights @ [mark.y + slope * (x - mark.x) for mark in near] / weights.sum())


def typical_height(marks: Sequence[Mark]) -> float:
    """The height of most digits among marks of all sizes, in pixels: that on which most ink was spent, blots aside."""
    heights = np.array([max(mark.height, min(0.5 * mark.width, _LOW * mark.height)) for mark in marks])
    alike = np.abs(np.log(heights[:, None] / heights)) <= np.log(_ALIKE)
    ink, usual = np.array([mark.ink.sum() for mark in marks]), heights**1.5
    weights = np.minimum(ink, usual * np.median(ink / usual))
    best = int((alike * weights).sum(axis=1).argmax())
    return float(np.median(heights[alike[best]]))


def find_rows(marks: Sequence[Mark]) -> list[Row]:
    """The rows that marks are written in, from top to bottom; marks that belong to none are left out."""
    if not marks:
        return []
    height = typical_height(marks)
    fits = _merge_nested([m for m in marks if max(m.height, m.width / 3) <= _LARGEST * height], _SMALL * height)
    tall = sorted((m for m in fits if m.height >= _TALL * height), key=lambda m: m.x)
    found = [(_follow(tall, height, slope), slope) for slope in _SLOPES]
    rows, slope = min(found, key=lambda each: len(each[0]) + _SLOPE_COST * abs(each[1]))
    for row in rows:
        row.crowded = len(marks) > _CROWDED
        row.height = float(np.median([mark.height for mark in row.marks]))
    for mark in fits:
        if _SPECK * height <= max(mark.height, mark.width) and mark.height < _TALL * height:
            _attach(mark, rows, slope)
    for row in rows:
        row.marks.sort(key=lambda mark: mark.x)
    middle = np.median([mark.x for row in rows for mark in row.marks]) if rows else 0.0
    return sorted(rows, key=lambda row: row.expected(float(middle), slope))


def _merge_nested(marks: Sequence[Mark], least: float) -> list[Mark]:
    """Marks, each with those of at least `least` pixels within it: a ring in a ring is not two digits."""
    left, top, right, bottom = np.array([(m.left, m.top, m.right, m.bottom) for m in marks]).reshape(-1, 4).T
    within = (left[:, None] > left) & (top[:, None] > top) & (right[:, None] < right) & (bottom[:, None] < bottom)
    within[bottom - top < least] = False
    within[:, right - left > _ROUND * (bottom - top)] = False  # several digits that touch
    return [join([marks[j] for j in (i, *np.flatnonzero(within[:, i]))]) for i in np.flatnonzero(~within.any(axis=1))]


def _follow(marks: Sequence[Mark], height: float, slope: float) -> list[Row]:
    """Put tall marks, from left to right, each into the row that leads to it, or into one of its own."""
    rows: list[Row] = []
    ends = np.empty((len(marks), 4))  # of each row's last mark: x, y and right edge; and where the row leads
    for mark in marks:
        x, y, right, trend = ends[: len(rows)].T
        off = np.abs(mark.y - y - trend * (mark.x - x)) / height
        off[off >= np.where(mark.left - right < _NEAR * height, _OFF_NEAR, _OFF)] = np.inf
        at = int(off.argmin()) if rows and np.isfinite(off).any() else len(rows)
        if at == len(rows):
            rows.append(Row(height))
        row = rows[at].marks
        row.append(mark)
        leads = slope
        if len(row) >= 3:
            leads = 0.5 * slope + 0.5 * (mark.y - row[-3].y) / max(mark.x - row[-3].x, height)
        ends[at] = mark.x, mark.y, mark.right, leads
    return rows


def _attach(mark: Mark, rows: Sequence[Row], slope: float) -> None:
    """Put a small mark into the row that it lies in: a stroke beside one of its digits, or a small digit."""
    best, least = None, 0.9
    for row in rows:
        gap = min(max(m.left - mark.right, mark.left - m.right) for m in row.marks)
        off = abs(mark.y - row.expected(mark.x, slope)) / row.height
        if gap < (_FAR if mark.height >= _SMALL * row.height else _BESIDE) * row.height and off < least:
            best, least = row, off
    if best is not None:
        best.marks.append(mark)


def reduced(row: Row, times: float) -> Row:
    """The row with everything so many times smaller."""
    if times == 1:
        return row
    marks = []
    for mark in row.marks:
        size = max(1, round(mark.width / times)), max(1, round(mark.height / times))
        ink = np.asarray(cv2.resize(mark.ink, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        marks.append(replace(mark, top=round(mark.top / times), left=round(mark.left / times), ink=ink))
    return Row(row.height / times, marks, row.crowded)
