"""Gathers marks into rows of digits, and follows each row from left to right: level, sloping or bent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from mnistcnn.reading.marks import Mark, join


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage; heights are those of most of the digits. All are guesses."""

    # The height of most digits.
    alike_times: float = 1.5  # heights that differ by at most this factor are those of one hand's digits
    width_share: float = 0.5  # a mark counts as this share of its width tall: it may be digits that touch, or a dash
    most_width_height_times: float = 1.4  # but as at most so many times its height
    ink_power: float = 1.5  # the ink of a mark grows with its height to this power

    # Which marks are digits.
    digit_heights: float = 0.5  # a digit is at least this tall; a lower mark is attached to a row of digits
    small_digit_heights: float = 0.3  # a mark at least this tall may be a small digit, a lower one a stroke of a digit
    speck_heights: float = 0.12  # a mark of less extent belongs to no digit
    most_heights: float = 2.6  # a taller mark is not a digit
    most_width_times: float = 3.0  # the most height; a wider mark is neither a digit nor digits that touch
    most_nesting_times: float = 1.5  # as wide as high; a wider mark is several digits that touch

    # Which row a digit is in.
    most_off_heights: float = 0.6  # above or below the place where its row leads
    near_heights: float = 0.8  # a gap that is smaller to the row's last digit is near
    most_off_near_heights: float = 0.85  # the same as `most_off_heights`, after a near gap
    slope_share: float = 0.5  # how much the page's slope counts in a row's direction; its last three marks are the rest
    slopes: tuple[float, ...] = (0.0, 0.1, -0.1, 0.2, -0.2, 0.35, -0.35, 0.5, -0.5, 0.7, -0.7, 1.0, -1.0)
    slope_cost_rows: float = 2.5  # a slope of 1 is taken only if it saves as many rows
    crowded_marks: int = 300  # with more marks a page is full of text

    # Which row a small mark is in.
    most_stroke_gap_heights: float = 0.6  # from a stroke to the nearest digit
    most_digit_gap_heights: float = 3.0  # from a small digit to the nearest digit
    most_attached_off_heights: float = 0.9  # above or below the row
    near_marks: int = 3  # as many of the nearest marks say where a row is


PARAMS = Params()


@dataclass(slots=True)
class Row:
    """Marks from left to right, whose digits are `height` pixels tall; no mark of a `crowded` page is cut."""

    height: float
    marks: list[Mark] = field(default_factory=list)
    crowded: bool = False

    def expected(self, x: float, slope: float) -> float:
        """The middle of the row at column `x`, in pixels from the top, judged by the nearest marks."""
        near = sorted(self.marks, key=lambda mark: abs(mark.x - x))[: PARAMS.near_marks]
        weights = np.array([1 / (1 + abs(mark.x - x) / self.height) for mark in near])
        return float(weights @ [mark.y + slope * (x - mark.x) for mark in near] / weights.sum())


def typical_height(marks: Sequence[Mark]) -> float:
    """The height of most digits among marks of all sizes, in pixels: the height that has most ink.

    A mark with more ink than is usual for its height, such as a blot, counts as if it had the usual ink.
    """
    heights = np.array([_extent(mark) for mark in marks])
    alike = np.abs(np.log(heights[:, None] / heights)) <= np.log(PARAMS.alike_times)
    ink = np.array([mark.ink.sum() for mark in marks])
    usual = heights**PARAMS.ink_power
    weights = np.minimum(ink, usual * np.median(ink / usual))
    best = int((alike * weights).sum(axis=1).argmax())
    return float(np.median(heights[alike[best]]))


def _extent(mark: Mark) -> float:
    """The height of a mark, or more if it is wide."""
    return max(mark.height, min(PARAMS.width_share * mark.width, PARAMS.most_width_height_times * mark.height))


def find_rows(marks: Sequence[Mark]) -> list[Row]:
    """The rows of digits among marks, from top to bottom; marks that belong to no row are left out."""
    if not marks:
        return []
    height = typical_height(marks)
    fits = []
    for mark in marks:
        if max(mark.height, mark.width / PARAMS.most_width_times) <= PARAMS.most_heights * height:
            fits.append(mark)
    fits = _merge_nested(fits, PARAMS.small_digit_heights * height)
    tall = sorted((mark for mark in fits if mark.height >= PARAMS.digit_heights * height), key=lambda mark: mark.x)
    found = [(_follow(tall, height, slope), slope) for slope in PARAMS.slopes]
    rows, slope = min(found, key=lambda each: len(each[0]) + PARAMS.slope_cost_rows * abs(each[1]))
    for row in rows:
        row.crowded = len(marks) > PARAMS.crowded_marks
        row.height = float(np.median([mark.height for mark in row.marks]))
    for mark in fits:
        is_speck = max(mark.height, mark.width) < PARAMS.speck_heights * height
        if not is_speck and mark.height < PARAMS.digit_heights * height:
            _attach(mark, rows, slope)
    for row in rows:
        row.marks.sort(key=lambda mark: mark.x)
    middle = np.median([mark.x for row in rows for mark in row.marks]) if rows else 0.0
    return sorted(rows, key=lambda row: row.expected(float(middle), slope))


def _merge_nested(marks: Sequence[Mark], least: float) -> list[Mark]:
    """Marks, each joined with the marks in its box that are at least `least` pixels tall: two rings are not two digits.

    Marks in the box of a mark so wide that it is several digits that touch are not joined with it.
    """
    left, top, right, bottom = np.array([(m.left, m.top, m.right, m.bottom) for m in marks]).reshape(-1, 4).T
    # within[i, j] says that mark i lies in the box of mark j.
    within = (left[:, None] > left) & (top[:, None] > top) & (right[:, None] < right) & (bottom[:, None] < bottom)
    within[bottom - top < least] = False
    within[:, right - left > PARAMS.most_nesting_times * (bottom - top)] = False
    merged = []
    for i in np.flatnonzero(~within.any(axis=1)):
        merged.append(join([marks[j] for j in (i, *np.flatnonzero(within[:, i]))]))
    return merged


def _follow(marks: Sequence[Mark], height: float, slope: float) -> list[Row]:
    """Put digits, from left to right, each into the row that leads to it, or into a new one."""
    rows: list[Row] = []
    ends = np.empty((len(marks), 4))  # of each row: x, y and right edge of its last mark, and the slope it has there
    for mark in marks:
        x, y, right, trend = ends[: len(rows)].T
        off = np.abs(mark.y - y - trend * (mark.x - x)) / height
        near = mark.left - right < PARAMS.near_heights * height
        off[off >= np.where(near, PARAMS.most_off_near_heights, PARAMS.most_off_heights)] = np.inf
        at = int(off.argmin()) if rows and np.isfinite(off).any() else len(rows)
        if at == len(rows):
            rows.append(Row(height))
        row = rows[at].marks
        row.append(mark)
        leads = slope
        if len(row) >= 3:
            climb = (mark.y - row[-3].y) / max(mark.x - row[-3].x, height)
            leads = PARAMS.slope_share * slope + (1 - PARAMS.slope_share) * climb
        ends[at] = mark.x, mark.y, mark.right, leads
    return rows


def _attach(mark: Mark, rows: Sequence[Row], slope: float) -> None:
    """Put a small mark into the row that it lies in: a stroke next to one of its digits, or a small digit."""
    best = None
    least = PARAMS.most_attached_off_heights
    for row in rows:
        gap = min(max(m.left - mark.right, mark.left - m.right) for m in row.marks)
        off = abs(mark.y - row.expected(mark.x, slope)) / row.height
        may_be_digit = mark.height >= PARAMS.small_digit_heights * row.height
        most_gap = PARAMS.most_digit_gap_heights if may_be_digit else PARAMS.most_stroke_gap_heights
        if gap < most_gap * row.height and off < least:
            best = row
            least = off
    if best is not None:
        best.marks.append(mark)


def reduced(row: Row, times: float) -> Row:
    """The row with its marks and its height `times` times smaller."""
    if times == 1:
        return row
    marks = []
    for mark in row.marks:
        size = max(1, round(mark.width / times)), max(1, round(mark.height / times))
        ink = np.asarray(cv2.resize(mark.ink, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
        marks.append(replace(mark, top=round(mark.top / times), left=round(mark.left / times), ink=ink))
    return Row(row.height / times, marks, row.crowded)
