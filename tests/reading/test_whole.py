import cv2
import numpy as np
import pytest

from mnistcnn.ink.framing import Ink, center_digit
from mnistcnn.ink.strokes import adjust_strokes
from mnistcnn.reading.lattice import DIGIT_COST
from mnistcnn.reading.whole import Whole, find_whole
from tests.writing import digit_ink


def sheet(*digits: int, height: int = 120, gap: int = 40) -> Ink:
    """Digits side by side, the first 60 pixels from the upper left."""
    ink, left = np.zeros((height + 160, 60 + 140 * len(digits)), np.float32), 60
    for digit in digits:
        drawn = digit_ink(digit, height)
        ink[60 : 60 + height, left : left + drawn.shape[1]] = drawn
        left += drawn.shape[1] + gap
    return ink


def whole_of(ink: Ink) -> Whole:
    whole = find_whole(ink)
    assert whole is not None
    return whole


def test_the_ink_of_one_digit_is_cropped_and_has_its_place() -> None:
    whole = whole_of(sheet(2))
    drawn = digit_ink(2, 120)
    assert (whole.mark.top, whole.mark.left) == pytest.approx((60, 60), abs=2)
    assert whole.mark.ink.shape == pytest.approx(drawn.shape, abs=4)
    top, left = whole.mark.top - 60, whole.mark.left - 60
    height, width = whole.mark.ink.shape
    place = drawn[top : top + height, left : left + width]
    assert np.array_equal(whole.mark.ink, np.where(whole.mark.ink > 0, place, 0))
    assert (whole.mark.ink[place > 0.5] > 0).all()
    assert (whole.alone, whole.several) == (True, False)


def test_as_a_segment_it_is_framed_as_one_digit_at_the_cost_of_one() -> None:
    whole = whole_of(sheet(2))
    assert whole.segment.cost == DIGIT_COST
    assert whole.segment.height == whole.mark.height
    assert np.array_equal(whole.segment.frame, center_digit(adjust_strokes(whole.mark.ink)))


@pytest.mark.parametrize("ink", [np.zeros((50, 60), np.float32), np.full((50, 60), 0.2, np.float32)])
def test_where_there_is_no_ink_there_is_no_digit(ink: Ink) -> None:
    assert find_whole(ink) is None


def test_specks_are_left_out() -> None:
    ink = sheet(7)
    clean = whole_of(ink).mark
    ink[20:24, 20:24] = ink[230:233, 100:104] = 1
    mark = whole_of(ink).mark
    assert (mark.top, mark.left) == (clean.top, clean.left)
    assert np.array_equal(mark.ink, clean.ink)


def test_a_broken_stroke_hangs_together() -> None:
    ink = np.zeros((400, 400), np.float32)
    cv2.line(ink, (200, 100), (200, 300), 1.0, 8)
    for gap, alone in ((3, True), (30, False)):
        broken = ink.copy()
        broken[200 : 200 + gap] = 0
        whole = whole_of(broken)
        assert whole.alone is alone
        assert (whole.mark.top, whole.mark.bottom) == pytest.approx((100, 300), abs=8)  # both parts


@pytest.mark.parametrize(("digits", "several"), [((2,), False), ((5, 8), True), ((3, 6, 9), True)])
def test_digits_side_by_side_are_several(digits: tuple[int, ...], several: bool) -> None:
    whole = whole_of(sheet(*digits))
    assert whole.several is several
    assert whole.alone is not several


def test_a_shadow_in_a_corner_is_left_out_and_said_to_be_there() -> None:
    ink = np.pad(sheet(7), ((0, 120), (0, 200)))
    clean = whole_of(ink).mark
    ink[-150:, -190:] = 1
    whole = whole_of(ink)
    assert (whole.mark.top, whole.mark.left, whole.mark.ink.shape) == (clean.top, clean.left, clean.ink.shape)
    assert not whole.alone
