from dataclasses import replace

import cv2
import numpy as np
import pytest

from mnistcnn.reading import marks as module
from mnistcnn.reading.marks import PARAMS, Mark, crop, find_marks, join


def bars(*places: tuple[int, int, int, int]) -> np.ndarray:
    """Ink (120, 200) with full bars: top, left, height, width."""
    ink = np.zeros((120, 200), np.float32)
    for top, left, height, width in places:
        ink[top : top + height, left : left + width] = 1
    return ink


def test_each_connected_stroke_is_a_mark_with_its_place() -> None:
    found, too_many = find_marks(bars((10, 20, 40, 6), (60, 100, 30, 9)))
    assert not too_many
    first, second = found
    assert (first.top, first.left, first.bottom, first.right) == (9, 19, 51, 27)  # a pixel more, for soft edges
    assert (first.x, first.y) == (23.0, 30.0)
    assert first.ink.sum() == 240 and second.ink.sum() == 270


def test_a_mark_has_no_ink_of_the_one_beside_it() -> None:
    ink = bars((25, 45, 20, 6), (60, 30, 10, 40))
    ink[10:20, 30:70] = 1  # a bracket around the other's box
    ink[10:70, 70:76] = 1
    found, _ = find_marks(ink)
    assert sorted(mark.ink.sum() for mark in found) == [120, 400 + 400 + 360]


def test_faint_ink_counts_only_where_it_goes_on_from_a_stroke() -> None:
    ink = bars((10, 20, 40, 6))
    ink[50:54, 20:26] = 0.3
    ink[10:54, 100:106] = 0.3
    (found,) = find_marks(ink)[0]
    assert found.height == 46 and found.left == 19


def test_a_faint_line_that_a_stroke_touches_is_no_part_of_it() -> None:
    ink = np.zeros((600, 600), np.float32)
    ink[200:290, 300:308] = 1
    ink[:, 304:306] = np.maximum(ink[:, 304:306], 0.25)  # a ruled line, down the whole page
    (found,) = find_marks(ink)[0]
    assert 170 <= found.top < 200 and 290 < found.bottom <= 320


def test_a_smudge_beside_strokes_is_pale_and_pale_ink_by_itself_is_not() -> None:
    pale = np.float32(0.55)
    strokes, smudge = bars((10, 20, 40, 6), (10, 60, 40, 6), (10, 100, 40, 6)), pale * bars((10, 150, 30, 20))
    found = find_marks(strokes + smudge)[0]
    assert [mark.pale for mark in found] == [False, False, False, True]
    assert found[3].ink.max() == 1  # as strong as if it were the only one
    assert [mark.pale for mark in find_marks(pale * strokes + smudge)[0]] == [False] * 4


def test_a_mark_that_is_mostly_pale_ink_is_pale() -> None:
    ink = bars((10, 20, 40, 6), (10, 60, 40, 6))
    pale = bars((10, 20, 15, 6), (10, 60, 30, 6))
    assert [mark.pale for mark in find_marks(ink, pale)[0]] == [False, True]


def test_specks_are_left_out() -> None:
    assert find_marks(bars((10, 20, 2, 2), (50, 50, 1, 3)))[0] == []
    assert find_marks(np.zeros((30, 30), np.float32)) == ([], False)


def test_of_ten_thousand_specks_the_largest_are_kept_and_it_is_said() -> None:
    ink = np.zeros((1600, 1600), np.float32)
    for y in range(100):
        for x in range(100):
            ink[16 * y : 16 * y + 8, 16 * x : 16 * x + 3] = 1
    cv2.line(ink, (700, 700), (800, 900), 1.0, 5)
    found, too_many = find_marks(ink)
    assert too_many
    assert len(found) == PARAMS.most_marks
    assert max(mark.height for mark in found) > 190
    assert (np.diff([mark.top for mark in found]) >= -200).all()


def test_as_many_as_are_allowed_are_not_too_many(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    ink = bars((10, 20, 40, 6), (60, 100, 30, 9))
    monkeypatch.setattr(module, "PARAMS", replace(PARAMS, most_marks=2))
    assert not find_marks(ink)[1]
    monkeypatch.setattr(module, "PARAMS", replace(PARAMS, most_marks=1))
    (largest,), too_many = find_marks(ink)
    assert too_many and largest.left == 19


def test_joined_marks_lie_where_they_lay() -> None:
    left = Mark(10, 5, np.full((4, 3), 0.5, np.float32))
    right = Mark(8, 7, np.ones((3, 2), np.float32))
    both = join([left, right])
    assert (both.top, both.left, both.height, both.width) == (8, 5, 6, 4)
    assert both.ink[2, 2] == 1 and both.ink[3, 0] == 0.5 and both.ink[0, 0] == 0
    assert join([left]) is left
    faint = Mark(0, 0, left.ink, pale=True)
    assert join([faint, faint]).pale and not join([faint, left]).pale


def test_a_mark_is_cropped_to_its_ink_and_a_pixel_around_it() -> None:
    ink = np.zeros((20, 30), np.float32)
    ink[5:9, 10:12] = 1
    ink[0, 0] = 0.2  # faint
    cropped = crop(Mark(100, 200, ink))
    assert cropped is not None
    assert (cropped.top, cropped.left, cropped.height, cropped.width) == (104, 209, 6, 4)
    assert crop(Mark(0, 0, np.full((3, 3), 0.2, np.float32))) is None


@pytest.mark.parametrize(("top", "left", "cut_off"), [(10, 10, False), (0, 10, True), (10, 0, True), (50, 10, True)])
def test_a_mark_that_reaches_the_edge_is_cut_off(top: int, left: int, cut_off: bool) -> None:
    ink = np.zeros((60, 80), np.float32)
    ink[top : top + 10, left : left + 5] = 1
    ((mark,), _) = find_marks(ink)
    assert mark.cut_off is cut_off
    assert join([mark, Mark(0, 0, mark.ink)]).cut_off is cut_off
    cropped = crop(mark)
    assert cropped is not None and cropped.cut_off is cut_off
