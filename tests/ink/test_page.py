import cv2
import numpy as np
import pytest
from PIL import Image

from mnistcnn.ink.decoding import open_decoded
from mnistcnn.ink.page import find_corners, find_page_ink
from mnistcnn.reading.layout import Layout, find_layout
from mnistcnn.reading.marks import find_marks
from tests.writing import Box, Picture, colours, off_by, write


def boxes_of(layout: Layout | None) -> list[Box]:
    assert layout is not None
    marks = [mark for row in layout.rows for mark in row.marks]
    return [layout.box(mark.left, mark.top, mark.right, mark.bottom) for mark in marks]


def layout_of(picture: Picture) -> Layout | None:
    return find_layout(open_decoded(Image.fromarray(picture), "p"))


def on_a_table(picture: Picture) -> tuple[Picture, np.ndarray]:
    """The page lies turned, seen from the side, on a dark table; and the perspective that put it there."""
    height, width = picture.shape
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    there = np.array([[90, 140], [660, 60], [740, 380], [60, 440]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, there)
    table = np.full((540, 800), 50, np.uint8)
    cv2.warpPerspective(picture, matrix, (800, 540), table, cv2.INTER_LINEAR, cv2.BORDER_TRANSPARENT)
    return table, matrix


def test_the_edge_of_a_shadow_leaves_no_ink() -> None:
    picture, boxes = write("2358", margin=120)
    shadow = np.where(np.arange(picture.shape[1]) > picture.shape[1] // 2, 0.55, 1.0)
    shaded = np.rint(picture * shadow).astype(np.uint8)
    page = find_page_ink(colours(shaded))
    assert page is not None
    away = np.ones(page.ink.shape, bool)
    scale = page.matrix[0, 0]
    for left, top, right, bottom in (np.multiply(box, scale).astype(int) for box in boxes):
        away[top - 9 : bottom + 9, left - 9 : right + 9] = False
    assert page.ink[~away].max() == 1
    assert page.ink[away].max() < 0.1


def test_light_on_dark_is_found_like_dark_on_light() -> None:
    picture, _ = write("2358")
    dark, light = find_page_ink(colours(picture)), find_page_ink(colours(255 - picture))
    assert dark is not None and light is not None
    assert np.abs(dark.ink - light.ink).mean() < 0.02
    assert find_page_ink(colours(picture), invert=False) is None  # nothing is lighter than the paper
    told = find_page_ink(colours(picture), invert=True)
    assert told is not None and np.array_equal(told.ink, dark.ink)


def test_large_digits_are_reduced_and_boxes_lead_back() -> None:
    picture, boxes = write("2358", height=240)
    layout = layout_of(picture)
    assert layout is not None
    (row,) = layout.rows
    assert 75 <= row.height <= 85
    for found, written in zip(boxes_of(layout), boxes, strict=True):
        assert off_by(found, written) <= 8


def test_a_page_on_a_dark_table_is_put_upright_and_boxes_lead_back() -> None:
    picture, boxes = write("2358\n679", height=70, margin=80)
    table, matrix = on_a_table(picture)
    layout = layout_of(table)
    assert layout is not None and [len(row.marks) for row in layout.rows] == [4, 3]
    for box, (left, top, right, bottom) in zip(boxes_of(layout), boxes, strict=True):
        corners = np.array([[[left, top], [right, top], [right, bottom], [left, bottom]]], np.float32)
        x, y = cv2.perspectiveTransform(corners, matrix)[0].T
        assert off_by(box, (x.min(), y.min(), x.max(), y.max())) < 8


@pytest.mark.parametrize("size", [(28, 90), (200, 300), (900, 1300), (2000, 3000)])
def test_boxes_are_in_pixels_of_the_picture_whatever_its_size(size: tuple[int, int]) -> None:
    height = size[0] // 3
    written, boxes = write("25", height=height, gap=height // 3, margin=height)
    layout = layout_of(written)
    for box, expected in zip(boxes_of(layout), boxes, strict=True):
        assert off_by(box, expected) <= 2 + height // 25


def test_small_pictures_are_enlarged() -> None:
    picture, _ = write("25", height=14, gap=4, margin=7)
    page = find_page_ink(colours(picture))
    assert page is not None
    assert max(page.ink.shape) == 640
    assert page.matrix[0, 0] == pytest.approx(640 / max(picture.shape))
    assert len(find_marks(page.ink)[0]) == 2


def test_what_runs_off_the_page_is_left_out_where_that_is_asked_for() -> None:
    picture, _ = write("2358")
    cut = picture[:, 60:]  # through the 2
    decoded = open_decoded(Image.fromarray(cut), "p")
    everything, within = find_layout(decoded), find_layout(decoded, inside=True)
    assert everything is not None and within is not None
    assert everything.rows[0].marks[0].left == 0
    assert [mark.left > 0 for mark in within.rows[0].marks] == [True] * 3


@pytest.mark.parametrize(("thickness", "kept"), [(4, True), (30, False)])
def test_what_runs_off_the_page_is_left_out_where_it_is_wider_than_strokes(thickness: int, kept: bool) -> None:
    picture, _ = write("2358")
    cv2.line(picture, (0, 45), (20, 95), 30, thickness)
    layout = layout_of(picture)
    assert layout is not None
    assert [mark.left == 0 for row in layout.rows for mark in row.marks] == [True] * kept + [False] * 4


@pytest.mark.parametrize("grey", [0, 130, 255])
def test_where_nothing_is_written_there_is_no_page(grey: int) -> None:
    assert find_page_ink(colours(np.full((120, 200), grey, np.uint8))) is None
    assert layout_of(np.full((120, 200), grey, np.uint8)) is None


def test_noise_is_no_ink() -> None:
    noise = np.random.default_rng(1).normal(200, 6, (300, 400)).clip(0, 255).astype(np.uint8)
    page = find_page_ink(colours(noise))
    assert page is None or find_marks(page.ink)[0] == []


def test_a_large_digit_is_not_taken_for_a_page() -> None:
    picture = np.full((400, 300), 30, np.uint8)
    cv2.ellipse(picture, (150, 200), (90, 150), 0, 0, 360, 240, 40)
    assert find_corners(colours(picture)) is None
    assert find_corners(colours(np.full((40, 30), 255, np.uint8))) is None


def test_a_page_is_found_whole_where_a_shadow_falls_across_it() -> None:
    table, _ = on_a_table(np.full((300, 600), 245, np.uint8))
    whole = find_corners(colours(table))
    shaded = np.where(np.arange(800) < 350, table * 0.55, table).astype(np.uint8)
    found = find_corners(colours(shaded))
    assert whole is not None and found is not None
    assert np.abs(found - whole).max() < 12


@pytest.mark.parametrize("corner", range(4))
def test_light_on_the_table_beside_a_page_does_not_move_its_corners(corner: int) -> None:
    table, _ = on_a_table(np.full((300, 600), 200, np.uint8))
    there = np.array([[90, 140], [660, 60], [740, 380], [60, 440]])
    x, y = there[corner] + np.array([[-16, 6], [16, 6], [16, -6], [-16, -6]])[corner]
    lit = np.full(table.shape, 50, np.uint8)
    cv2.ellipse(lit, (int(x), int(y)), (24, 14), 0, 0, 360, 170, -1)
    found = find_corners(colours(np.maximum(table, lit)))
    assert found is not None
    assert np.abs(found - there).max() < 4


def test_a_page_whose_edges_are_all_in_sight_goes_before_one_with_a_lit_part_of_the_table() -> None:
    table, _ = on_a_table(np.full((300, 600), 245, np.uint8))
    lit = np.full(table.shape, 50, np.uint8)
    cv2.fillPoly(lit, [np.array([[40, 146], [90, 140], [60, 440], [40, 442]])], 150)
    found = find_corners(colours(np.maximum(table, lit)[:, 40:]))
    assert found is not None
    assert np.abs(found - [[50, 140], [620, 60], [700, 380], [20, 440]]).max() < 4


def test_a_page_may_reach_the_edge_of_the_picture() -> None:
    table, _ = on_a_table(np.full((300, 600), 245, np.uint8))
    found = find_corners(colours(table[:, 75:]))
    assert found is not None
    # One corner lies outside; whether it is found there or on the border depends on the version of OpenCV.
    assert np.abs(found[[0, 3], 0]).max() < 20
    assert np.abs(found[1:3] - [[585, 60], [665, 380]]).max() < 4


def test_what_lies_between_two_rules_is_not_taken_for_a_page() -> None:
    picture = np.full((467, 360), 245, np.uint8)
    for at in (90, 195, 300, 405):
        picture[at : at + 6] = 90
    assert find_corners(colours(picture)) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_next_to_no_pixels_are_no_trouble(shape: tuple[int, int]) -> None:
    picture = np.full(shape, 255, np.uint8)
    picture[0, 0] = 0
    layout_of(picture)
