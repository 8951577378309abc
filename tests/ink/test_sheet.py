import cv2
import numpy as np
import pytest

from mnistcnn.ink.components import find_components
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.sheet import Paper, Sheet, find_sheet, is_flat
from mnistcnn.ink.threshold import SURE
from tests.writing import Box, Picture, decoded, digit_ink, moved, off_by, on_a_table, write

PAPERS = pytest.mark.parametrize("paper", list(Paper))


def sheet_of(picture: Picture, paper: Paper, invert: bool | None = None) -> Sheet:
    sheet = find_sheet(decoded(picture), paper, invert)
    assert sheet is not None
    return sheet


def inked_boxes(ink: Ink) -> list[Box]:
    """Find the boxes of the connected parts that aren't specks, from left to right."""
    parts = find_components(ink > 0.5)
    boxes = []
    for i in np.flatnonzero(parts.areas > 0.1 * parts.areas.max()):
        rows, columns = parts.box(int(i))
        boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    return sorted(boxes)


def check_places(ink: Ink, sheet: Sheet, boxes: list[Box], within: float) -> None:
    for box, expected in zip(inked_boxes(ink), boxes, strict=True):
        assert off_by(moved(box, sheet.matrix), expected) <= within


@PAPERS
@pytest.mark.parametrize("height", [14, 40, 300, 1000])
def test_the_matrix_leads_back_to_a_picture_of_any_size(paper: Paper, height: int) -> None:
    picture, boxes = write("25", height=height, gap=height // 3, margin=height)
    sheet = sheet_of(picture, paper)
    assert not sheet.on_page
    check_places(sheet.ink, sheet, boxes, within=2 + height // 25)


@PAPERS
def test_a_picture_of_28_by_28_is_enlarged(paper: Paper) -> None:
    picture, boxes = np.full((28, 28), 245, np.uint8), [(3, 5, 12, 23), (16, 5, 25, 23)]
    for digit, (left, top, right, bottom) in zip((2, 5), boxes, strict=True):
        ink = cv2.resize(digit_ink(digit, 18), (right - left, bottom - top), interpolation=cv2.INTER_AREA)
        picture[top:bottom, left:right] = 245 - 215 * ink
    sheet = sheet_of(picture, paper)
    assert min(sheet.ink.shape) >= 280
    assert (sheet.ink.min(), sheet.ink.max()) == (0, 1)
    check_places(sheet.ink, sheet, boxes, within=1.5)


def test_a_page_on_a_table_is_put_upright_and_its_matrix_leads_back_to_the_table() -> None:
    picture, boxes = write("235", height=70, margin=80)
    table, there = on_a_table(picture)
    sheet = sheet_of(table, Paper.WINDOW)
    assert sheet.on_page
    found = inked_boxes(sheet.ink)
    for box, expected in zip(found, boxes, strict=True):
        assert off_by(moved(box, sheet.matrix), moved(expected, there)) < 8


def test_a_page_that_lies_straight_is_cropped_and_its_matrix_leads_back_to_the_table() -> None:
    picture, ((left, top, right, bottom),) = write("7", margin=60)
    table = np.pad(picture, ((50, 30), (90, 40)), constant_values=50)
    sheet = sheet_of(table, Paper.WINDOW)
    assert sheet.on_page
    check_places(sheet.ink, sheet, [(left + 90, top + 50, right + 90, bottom + 50)], within=4)


@PAPERS
@pytest.mark.parametrize("grey", [0, 130, 255])
def test_where_nothing_is_written_there_is_no_sheet(paper: Paper, grey: int) -> None:
    assert find_sheet(decoded(np.full((120, 200), grey, np.uint8)), paper) is None


@PAPERS
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_next_to_no_pixels_are_no_trouble(paper: Paper, shape: tuple[int, int]) -> None:
    picture = np.full(shape, 255, np.uint8)
    picture[0, 0] = 0
    find_sheet(decoded(picture), paper)


@PAPERS
def test_light_on_dark_is_found_like_dark_on_light(paper: Paper) -> None:
    picture, _ = write("2358")
    dark, light = sheet_of(picture, paper), sheet_of(255 - picture, paper)
    assert np.abs(dark.ink - light.ink).mean() < 0.02
    assert np.array_equal(sheet_of(picture, paper, invert=True).ink, dark.ink)
    assert find_sheet(decoded(picture), paper, invert=False) is None  # nothing is lighter than the paper


def test_the_edge_of_a_shadow_leaves_no_ink_in_windows() -> None:
    picture, boxes = write("2358", margin=120)
    shadow = np.where(np.arange(picture.shape[1]) > picture.shape[1] // 2, 0.55, 1.0)
    sheet = sheet_of(np.rint(picture * shadow).astype(np.uint8), Paper.WINDOW)
    check_places(sheet.ink, sheet, boxes, within=4)


def test_strokes_with_more_ink_than_paper_around_them_are_whole_on_a_surface() -> None:
    picture, _ = write("0", height=200, margin=20)
    fat = np.asarray(cv2.erode(picture, np.ones((21, 21), np.uint8)), dtype=np.uint8)
    sheet = sheet_of(fat, Paper.SURFACE)
    meant = np.asarray(cv2.resize(fat, sheet.ink.shape[::-1])) < 137
    assert ((sheet.ink > SURE) == meant).mean() > 0.98


@PAPERS
def test_a_box_drawn_around_a_digit_is_taken_out(paper: Paper) -> None:
    picture, ((left, top, right, bottom),) = write("7", height=120, margin=90)
    corners = [(left - 50, top - 40), (right + 45, top - 47), (right + 52, bottom + 40), (left - 46, bottom + 46)]
    cv2.polylines(picture, [np.array(corners, np.int32)], True, 30, 4)
    sheet = sheet_of(picture, paper)
    check_places(sheet.ink, sheet, [(left, top, right, bottom)], within=4)


@PAPERS
def test_yellow_digits_beside_black_ones_are_the_pale_ink(paper: Paper) -> None:
    picture, boxes = write("2358", height=60)
    yellow = np.repeat(picture[:, :, None], 3, axis=2)
    middle = (boxes[1][2] + boxes[2][0]) // 2
    yellow[:, middle:] = 245 - (245 - yellow[:, middle:]) // np.array([20, 20, 3], np.uint8)
    sheet = sheet_of(yellow, paper)
    assert sheet.find_pale().shape == sheet.ink.shape
    check_places(sheet.ink, sheet, boxes[:2], within=5)
    check_places(sheet.find_pale(), sheet, boxes[2:], within=5)


@pytest.mark.parametrize("noise", [3, 6, 25])
def test_noise_has_no_place_on_a_window_sheet(noise: int) -> None:
    grey = np.random.default_rng(1).normal(200, noise, (300, 400)).clip(0, 255).astype(np.uint8)
    sheet = find_sheet(decoded(grey), Paper.WINDOW)
    assert sheet is None or (sheet.ink > 0.5).mean() < 0.001


def test_a_drawing_is_flat_and_a_photograph_is_not() -> None:
    picture, _ = write("25", margin=40)
    drawn = decoded(picture).colours()
    lit = drawn * np.linspace(1, 0.9, drawn.shape[1], dtype=np.float32)[:, None]
    grain = np.random.default_rng(1).normal(0, 0.01, drawn.shape).astype(np.float32)
    assert is_flat(drawn) and is_flat(1 - drawn)
    assert not is_flat(lit) and not is_flat(drawn + grain)
