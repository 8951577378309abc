from dataclasses import replace

import cv2
import numpy as np
import pytest

from mnistcnn.reading.marks import Mark
from mnistcnn.reading.signs import find_signs, find_slashes

FOOT = 100  # of the digits, which are 40 pixels tall
DIGITS = [Mark(FOOT - 40, left, np.ones((40, 24), np.float32)) for left in (0, 40, 120, 160)]


def mark(left: int, bottom: int, width: int, height: int) -> Mark:
    """Full ink, `bottom` pixels below the foot of the digits."""
    return Mark(FOOT + bottom - height, left, np.ones((height, width), np.float32))


def stroke(lean: float, height: int = 60, left: int = 75) -> Mark:
    """A straight stroke, `lean` columns to the right for a row up, its foot at that of the digits."""
    width = round(abs(lean) * height) + 6
    ink = np.zeros((height, width), np.float32)
    low, high = (3, width - 4) if lean >= 0 else (width - 4, 3)
    cv2.line(ink, (low, height - 1), (high, 0), 1.0, 5)
    return Mark(FOOT - height, left, ink)


def names(*marks: Mark) -> list[str | None]:
    return [sign.text for sign in find_signs(marks, DIGITS)]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (mark(80, 0, 7, 7), "."),
        (mark(80, 8, 6, 14), ","),
        (mark(80, 5, 9, 9), "."),
        (mark(76, -18, 24, 5), "-"),
        (mark(76, 0, 24, 5), None),
        (mark(80, -12, 24, 30), None),
        (mark(80, 0, 60, 5), None),
    ],
    ids=["point", "comma", "point below the foot", "dash", "stroke below", "blot", "rule"],
)
def test_signs_are_told_by_size_and_place(written: Mark, name: str | None) -> None:
    assert names(written) == [name]


def test_a_speck_and_a_point_high_up_are_no_signs() -> None:
    assert names(mark(80, 0, 1, 1)) == []
    point = mark(80, 0, 7, 7)
    assert names(replace(point, ink=np.float32(0.2) * point.ink)) == []
    assert names(mark(80, -25, 7, 7)) == []


def test_two_points_over_each_other_are_a_colon_that_holds_both() -> None:
    (sign,) = find_signs([mark(80, -20, 6, 6), mark(81, -2, 6, 6)], DIGITS)
    assert sign.text == ":"
    assert (sign.mark.top, sign.mark.bottom) == (FOOT - 26, FOOT - 2)
    assert names(mark(80, -9, 5, 5), mark(81, 0, 5, 5)) == [":"]
    assert names(mark(70, 0, 6, 6), mark(100, 0, 6, 6)) == [".", "."]


def test_signs_come_from_left_to_right_and_not_without_digits() -> None:
    marks = [mark(200, 0, 6, 6), mark(76, -18, 24, 5), mark(30, 8, 6, 14)]
    assert names(*marks) == [",", "-", "."]
    assert find_signs(marks, []) == []


def slashes(text: str, height: int = 64, lean: float = 0.3) -> list[int]:
    """The places of the slashes in a row; `|` is a stroke that is read as a 1."""
    marks = [stroke(lean, height, 40 * i) if sign == "|" else DIGITS[0] for i, sign in enumerate(text)]
    return find_slashes(marks, [sign in "1|" for sign in text])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("23|5", [2]),
        ("2|358", [1]),
        ("23|5|2024", [2, 4]),
        ("2024|5|23", [4, 6]),
        ("23|5|24", [2, 4]),
        ("235|679|2", []),
        ("2358|2", []),
        ("|23", []),
        ("23|", []),
        ("23||24", []),
        ("2|3|5|6", []),
    ],
)
def test_slashes_part_a_row_as_a_fraction_or_a_date(text: str, found: list[int]) -> None:
    assert slashes(text) == found


def test_a_single_slash_is_taller_than_those_of_a_date() -> None:
    assert slashes("23|5|24", height=55) == [2, 4]
    assert slashes("23|5", height=55) == []
    assert slashes("23|5|24", height=45) == []


@pytest.mark.parametrize("lean", [-0.3, 0.0, 1.5])
def test_a_slash_leans_to_the_right_and_is_higher_than_wide(lean: float) -> None:
    assert slashes("23|5", lean=lean) == []


def test_what_is_bent_or_read_as_another_digit_is_no_slash() -> None:
    bent = np.zeros((64, 34), np.float32)
    cv2.polylines(bent, [np.array([(3, 63), (26, 48), (6, 26), (30, 0)], np.int32)], False, 1.0, 5)
    marks = [DIGITS[0], stroke(0.3, 64, 40), DIGITS[0]]
    assert find_slashes(marks, [False, True, False]) == [1]
    assert find_slashes(marks, [False, False, False]) == []
    assert find_slashes([DIGITS[0], Mark(FOOT - 64, 40, bent), DIGITS[0]], [False, True, False]) == []
