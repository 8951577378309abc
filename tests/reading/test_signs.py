import cv2
import numpy as np
import pytest

from mnistcnn.reading.marks import Mark
from mnistcnn.reading.signs import find_signs, is_slash

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
        (mark(76, -18, 24, 5), "-"),
        (mark(80, -12, 24, 30), None),
        (mark(80, 0, 60, 5), None),
    ],
    ids=["point", "comma", "dash", "blot", "rule"],
)
def test_signs_are_told_by_size_and_place(written: Mark, name: str | None) -> None:
    assert names(written) == [name]


def test_a_speck_and_a_point_high_up_are_no_signs() -> None:
    assert names(mark(80, 0, 1, 1)) == []
    assert names(mark(80, -25, 7, 7)) == []


def test_two_points_over_each_other_are_a_colon_that_holds_both() -> None:
    (sign,) = find_signs([mark(80, -20, 6, 6), mark(81, -2, 6, 6)], DIGITS)
    assert sign.text == ":"
    assert (sign.mark.top, sign.mark.bottom) == (FOOT - 26, FOOT - 2)
    assert names(mark(70, 0, 6, 6), mark(100, 0, 6, 6)) == [".", "."]


def test_signs_come_from_left_to_right_and_not_without_digits() -> None:
    marks = [mark(200, 0, 6, 6), mark(76, -18, 24, 5), mark(30, 8, 6, 14)]
    assert names(*marks) == [",", "-", "."]
    assert find_signs(marks, []) == []


@pytest.mark.parametrize(
    ("lean", "height", "slash"), [(0.4, 60, True), (0.0, 60, False), (-0.4, 60, False), (0.4, 40, False)]
)
def test_a_tall_stroke_that_leans_to_the_right_is_a_slash(lean: float, height: int, slash: bool) -> None:
    assert is_slash(stroke(lean, height), DIGITS) is slash


def test_a_slash_stands_between_digits_and_is_straight() -> None:
    assert not is_slash(stroke(0.4), DIGITS[:2])
    assert not is_slash(stroke(0.4), DIGITS[2:])
    bent = stroke(0.4)
    bent.ink[:] = 0
    cv2.ellipse(bent.ink, (0, 30), (24, 29), 0, -90, 90, 1.0, 5)
    assert not is_slash(bent, DIGITS)
