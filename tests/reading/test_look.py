from dataclasses import replace

import cv2
import numpy as np
import pytest

from mnistcnn.ink.framing import Ink
from mnistcnn.ink.sheet import Paper, Sheet, find_sheet
from mnistcnn.reading import marks
from mnistcnn.reading.look import Look, look_at, picture_box
from mnistcnn.reading.marks import Mark
from tests.writing import Box, Picture, decoded, moved, off_by, on_a_table, write


def look_at_ink(ink: Ink) -> Look:
    sheet = Sheet(ink=ink, find_pale=lambda: np.zeros_like(ink), matrix=np.eye(3), on_page=False)
    return look_at(sheet, (ink.shape[1], ink.shape[0]))


def inked(text: str, **how: int) -> tuple[Ink, list[Box]]:
    picture, boxes = write(text, **how)
    return np.clip((245 - picture.astype(np.float32)) / 215, 0, 1), boxes


def look_of(picture: Picture, paper: Paper = Paper.WINDOW) -> Look:
    found = decoded(picture)
    seen = find_sheet(found, paper)
    assert seen is not None
    return look_at(seen, found.size)


def boxes_of(look: Look) -> list[Box]:
    return [picture_box(mark, look.matrix, look.size) for row in look.rows for mark in row.marks]


def test_marks_stand_in_rows() -> None:
    ink, boxes = inked("2358\n679")
    look = look_at_ink(ink)
    assert [len(row.marks) for row in look.rows] == [4, 3]
    for box, expected in zip(boxes_of(look), boxes, strict=True):
        assert off_by(box, expected) <= 2


def test_without_rows_no_mark_is_sought() -> None:
    ink, _ = inked("2358")
    sheet = Sheet(ink=ink, find_pale=lambda: np.zeros_like(ink), matrix=2 * np.eye(3), on_page=False)
    look = look_at(sheet, (9, 9), rows=False)
    assert look.rows == []
    assert np.array_equal(look.matrix, sheet.matrix)


def test_lines_are_taken_out_and_pale_marks_are_there() -> None:
    ink, boxes = inked("2358", height=60)
    dark, pale = ink.copy(), ink.copy()
    middle = (boxes[2][2] + boxes[3][0]) // 2
    dark[:, middle:] = pale[:, :middle] = 0
    dark[78:80] = 0.8
    look = look_at(Sheet(ink=dark, find_pale=lambda: pale, matrix=np.eye(3), on_page=False), ink.shape[::-1])
    (row,) = look.rows
    assert [mark.pale for mark in row.marks] == [False, False, False, True]
    for box, expected in zip(boxes_of(look), boxes, strict=True):
        assert off_by(box, expected) <= 2


def test_large_digits_are_reduced_and_boxes_lead_back() -> None:
    ink, boxes = inked("2358", height=240)
    look = look_at_ink(ink)
    assert [75 <= row.height <= 85 for row in look.rows] == [True]
    for box, expected in zip(boxes_of(look), boxes, strict=True):
        assert off_by(box, expected) <= 8


@pytest.mark.parametrize("paper", list(Paper))
@pytest.mark.parametrize("size", [(28, 90), (200, 300), (900, 1300), (2000, 3000)])
def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(size: tuple[int, int], paper: Paper) -> None:
    height = size[0] // 3
    written, boxes = write("25", height=height, gap=height // 3, margin=height)
    for box, expected in zip(boxes_of(look_of(written, paper)), boxes, strict=True):
        assert off_by(box, expected) <= 2 + height // 25


def test_boxes_of_a_page_on_a_table_are_those_of_the_table() -> None:
    picture, boxes = write("2358\n679", height=70, margin=80)
    table, there = on_a_table(picture)
    look = look_of(table)
    assert [len(row.marks) for row in look.rows] == [4, 3]
    for box, expected in zip(boxes_of(look), boxes, strict=True):
        assert off_by(box, moved(expected, there)) < 8


def test_a_box_stays_within_the_picture_and_is_never_empty() -> None:
    shift = np.array([[1.0, 0, -30], [0, 1, 90], [0, 0, 1]])
    mark = Mark(5, 10, np.ones((20, 30), np.float32))
    assert picture_box(mark, np.eye(3), (100, 100)) == (10, 5, 40, 25)
    assert picture_box(mark, 0.5 * np.eye(3) + np.diag([0, 0, 0.5]), (100, 100)) == (5, 2, 20, 13)
    assert picture_box(mark, shift, (100, 100)) == (0, 95, 10, 100)
    assert picture_box(mark, shift @ shift, (100, 100)) == (0, 99, 1, 100)


def at_the_edge(ink: Ink) -> list[bool]:
    """Tell for each mark of the one row whether it reaches the left edge."""
    (row,) = look_at_ink(ink).rows
    return [mark.left == 0 for mark in row.marks]


@pytest.mark.parametrize(("thickness", "kept"), [(4, True), (30, False)])
def test_what_runs_off_the_page_is_left_out_where_it_is_wider_than_strokes(thickness: int, kept: bool) -> None:
    ink, _ = inked("2358")
    cv2.line(ink, (0, 45), (20, 95), 1.0, thickness)
    assert at_the_edge(ink) == [True] * kept + [False] * 4


def test_a_digit_that_the_edge_cuts_off_stays() -> None:
    ink, ((left, *_), *_) = inked("2358")
    assert at_the_edge(ink[:, left + 4 :]) == [True, False, False, False]


@pytest.mark.parametrize(
    ("width", "height", "kept"),
    [(13, 40, True), (13, 72, False), (60, 100, False)],
    ids=["as tall as the others", "taller", "a shadow"],
)
def test_a_fat_mark_at_the_edge_stays_only_if_it_is_as_tall_as_the_others(width: int, height: int, kept: bool) -> None:
    ink, _ = inked("2358", margin=80)
    middle = ink.shape[0] // 2
    ink[middle - height // 2 : middle + height // 2, :width] = 1
    assert at_the_edge(ink) == [True] * kept + [False] * 4


def test_a_narrow_strip_along_a_side_is_the_table() -> None:
    ink, _ = inked("2358")
    ink[48:96, :5] = 1
    assert at_the_edge(ink) == [False] * 4


@pytest.mark.parametrize(("filled", "kept"), [(True, False), (False, True)])
def test_a_filled_blot_at_the_edge_is_left_out(filled: bool, kept: bool) -> None:
    ink, ((_, top, _, bottom), *_) = inked("2358", margin=80)
    height = round((bottom - top) / 1.3)
    width = round(0.56 * height)  # so that it is no wider than some strokes
    blot = np.ones((height, width), np.float32)
    if not filled:
        blot[4:, 4:-4] = 0
    ink[top + 4 : top + 4 + height, :width] = blot
    assert at_the_edge(ink) == [True] * kept + [False] * 4


def test_what_reaches_three_edges_is_the_table() -> None:
    ink, ((_, top, _, bottom), *_) = inked("2358")
    ink = ink[top - 2 : bottom + 2].copy()
    ink[:, :14] = 1
    assert at_the_edge(ink) == [False] * 4


def test_where_all_marks_reach_the_edge_they_are_all_kept() -> None:
    ink = np.zeros((60, 90), np.float32)
    cv2.line(ink, (20, 0), (20, 59), 1.0, 12)
    cv2.line(ink, (60, 0), (60, 59), 1.0, 4)
    (row,) = look_at_ink(ink).rows
    assert len(row.marks) == 2


def test_too_many_marks_are_said_to_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    ink, _ = inked("2358")
    for most, too_many in ((4, False), (3, True)):
        monkeypatch.setattr(marks, "PARAMS", replace(marks.PARAMS, most_marks=most))
        assert look_at_ink(ink).too_many is too_many


def test_an_empty_sheet_has_no_rows() -> None:
    look = look_at_ink(np.zeros((50, 60), np.float32))
    assert (look.rows, look.too_many) == ([], False)


@pytest.mark.parametrize(("side", "kept"), [(28, True), (200, False)])
def test_a_long_foot_is_a_ruled_line_in_a_large_picture_only(side: int, kept: bool) -> None:
    ink = np.zeros((280, 280), np.float32)
    ink[40:230, 130:136] = 1
    ink[230:236, 10:270] = 1
    sheet = Sheet(
        ink=ink, find_pale=lambda: np.zeros_like(ink), matrix=np.diag([side / 280, side / 280, 1.0]), on_page=False
    )
    (row,) = look_at(sheet, (side, side)).rows
    assert any(mark.width > mark.height for mark in row.marks) is kept
