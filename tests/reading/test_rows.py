import math
from collections.abc import Iterable

import numpy as np
import pytest

from mnistcnn.reading.marks import Mark
from mnistcnn.reading.rows import Row, find_rows, reduced, typical_height


def mark(x: float, y: float, height: int = 40, width: int = 24) -> Mark:
    """A mark with its middle at x, y."""
    return Mark(round(y - height / 2), round(x - width / 2), np.ones((height, width), np.float32))


def rows_of(marks: Iterable[Mark]) -> list[list[int]]:
    """The left edges of the marks in each row."""
    return [[one.left + 12 for one in row.marks] for row in find_rows(list(marks))]


def shuffled(marks: list[Mark]) -> list[Mark]:
    return [marks[i] for i in np.random.default_rng(3).permutation(len(marks))]


def test_no_marks_are_no_rows() -> None:
    assert find_rows([]) == []


def test_two_rows_are_read_from_the_top_each_from_the_left() -> None:
    marks = [mark(x, y) for y in (60, 130) for x in (50, 90, 130, 170)]
    assert rows_of(shuffled(marks)) == [[50, 90, 130, 170]] * 2
    first, second = find_rows(marks)
    assert {m.y for m in first.marks} == {60} and {m.y for m in second.marks} == {130}
    assert first.height == 40


@pytest.mark.parametrize("slope", [0.12, -0.25, 0.45, -0.6, 0.95])
def test_a_slanted_line_is_one_row(slope: float) -> None:
    marks = [mark(x, 300 + slope * x) for x in range(50, 530, 40)]
    assert rows_of(shuffled(marks)) == [list(range(50, 530, 40))]


def test_slanted_lines_are_rows_of_their_own() -> None:
    marks = [mark(x, y + 0.25 * x) for y in (60, 130) for x in range(50, 410, 40)]
    assert rows_of(shuffled(marks)) == [list(range(50, 410, 40))] * 2
    assert [row.marks[0].y for row in find_rows(marks)] == pytest.approx([72, 142], abs=1)


def test_a_bent_line_is_one_row() -> None:
    marks = [mark(x, 200 + 70 * math.sin(x / 150)) for x in range(50, 530, 40)]
    assert rows_of(shuffled(marks)) == [list(range(50, 530, 40))]


def test_rows_may_be_of_different_length() -> None:
    marks = [mark(x, y) for y, count in ((60, 7), (130, 2), (200, 4)) for x in range(50, 50 + 40 * count, 40)]
    assert [len(row) for row in rows_of(shuffled(marks))] == [7, 2, 4]


def test_a_sheet_of_digits_far_apart_is_read_row_by_row() -> None:
    marks = [mark(x, y + x // 20 % 3 * 6) for y in range(60, 600, 120) for x in range(60, 900, 140)]
    assert rows_of(shuffled(marks)) == [list(range(60, 900, 140))] * 5


def test_uneven_digits_stay_in_their_row() -> None:
    rng = np.random.default_rng(1)
    marks = [mark(x, y + rng.uniform(-8, 8), int(rng.uniform(30, 50))) for y in (80, 180) for x in range(50, 450, 40)]
    assert rows_of(shuffled(marks)) == [list(range(50, 450, 40))] * 2


def test_specks_and_what_is_far_too_large_belong_to_no_row() -> None:
    digits = [mark(x, 200) for x in range(50, 450, 40)]
    specks = [mark(70, 200, 3, 3), mark(300, 50, 3, 3)]
    frame = mark(200, 200, 140, 300)
    assert rows_of([*digits, *specks, frame]) == [list(range(50, 450, 40))]


def outline(x: float, y: float, height: int, width: int, pen: int = 4) -> Mark:
    """A hollow mark: the outline of a box."""
    box = mark(x, y, height, width)
    box.ink[pen:-pen, pen:-pen] = 0
    return box


def test_a_large_drawing_beside_a_few_digits_does_not_say_how_tall_they_are() -> None:
    digits = [mark(x, 200) for x in range(50, 250, 40)]
    assert typical_height([*digits, outline(600, 200, 380, 360, pen=2)]) == 40


def test_a_small_stroke_goes_to_the_digit_beside_it_but_not_across_the_page() -> None:
    digits = [mark(x, 200) for x in (50, 90, 130)]
    beside, away = mark(150, 190, 10, 14), mark(500, 190, 10, 14)
    (row,) = find_rows([*digits, beside, away])
    assert [m.x for m in row.marks] == [50, 90, 130, 150]


def test_many_specks_do_not_say_how_tall_digits_are() -> None:
    assert typical_height([mark(x, 50, 6, 6) for x in range(40)] + [mark(0, 0), mark(0, 0, 42), mark(0, 0, 38)]) == 40


def test_what_lies_within_a_mark_is_part_of_it_unless_it_is_a_speck() -> None:
    large, small, speck = mark(100, 60, 60, 60), mark(100, 60, 30, 30), mark(110, 60, 10, 10)
    (row,) = find_rows([small, large, mark(200, 60, 60)])
    assert [(m.left, m.width, m.height) for m in row.marks] == [(70, 60, 60), (188, 24, 60)]
    (row,) = find_rows([speck, large, mark(200, 60, 60)])
    assert [m.width for m in row.marks] == [60, 10, 24]


def test_a_digit_within_the_box_of_several_that_touch_stays_one_of_its_own() -> None:
    (row,) = find_rows([mark(200, 60, 80, 200), mark(230, 60, 50), mark(400, 60, 70)])
    assert [m.width for m in row.marks] == [200, 24, 24]


@pytest.mark.parametrize("others", [[], [mark(500, 60)]])
def test_digits_that_all_touch_are_a_row_as_tall_as_they_are(others: list[Mark]) -> None:
    (row,) = find_rows([mark(200, 60, width=250), *others])
    assert (row.height, len(row.marks)) == (40, 1 + len(others))


def test_one_mark_is_a_row() -> None:
    assert rows_of([mark(50, 50)]) == [[50]]


def test_a_row_is_reduced_with_its_marks_and_keeps_its_ink() -> None:
    row = Row(120.0, [mark(100, 60, 120, 60), mark(300, 70, 100, 1)], crowded=True)
    small = reduced(row, 3.0)
    assert (small.height, small.crowded) == (40, True)
    assert [(m.left, m.top, m.width, m.height) for m in small.marks] == [(23, 0, 20, 40), (100, 7, 1, 33)]
    assert all(m.ink.min() == 1 for m in small.marks)
    assert reduced(row, 1.0) is row
