from itertools import pairwise

import cv2
import numpy as np
import pytest

from mnistcnn.ink.framing import Ink
from mnistcnn.ink.ruled_lines import remove_drawn_boxes, remove_lines, remove_rules
from tests.writing import digit_ink, write


def inked(text: str = "2358\n6792", **how: int) -> Ink:
    """Ink of a page of digits."""
    picture, _ = write(text, **{"height": 60, "gap": 24, "margin": 60, **how})
    ink = (245 - picture.astype(np.float32)) / 215
    return np.clip(ink, 0, 1)


def lost(ink: Ink, line: Ink, cleaned: Ink) -> float:
    """Measure the share of the digits' ink away from the lines that was removed."""
    away = (ink > 0.5) & (cv2.dilate(line, np.ones((7, 7), np.uint8)) == 0)
    return float(1 - (cleaned[away] > 0.5).mean())


def left_over(ink: Ink, line: Ink, cleaned: Ink) -> float:
    """Measure the share of the lines' ink away from the digits that is left."""
    beside = (line > 0.5) & (cv2.dilate(ink, np.ones((15, 15), np.uint8)) < 0.1)
    return float((cleaned[beside] > 0.4).mean())


def lines(shape: tuple[int, ...], step: int, thick: int, both: bool) -> Ink:
    drawn = np.zeros(shape, np.float32)
    for at in range(step // 2, shape[0], step):
        drawn[at : at + thick] = 0.8
    for at in range(step // 2, shape[1] if both else 0, step):
        drawn[:, at : at + thick] = 0.8
    return drawn


def test_without_lines_nothing_changes() -> None:
    ink = inked()
    assert np.array_equal(remove_lines(ink), ink)


@pytest.mark.parametrize("thick", [1, 2, 3])
@pytest.mark.parametrize("both", [False, True])
def test_ruled_and_squared_paper_goes_and_digits_stay(thick: int, both: bool) -> None:
    ink = inked()
    line = lines(ink.shape, 34, thick, both)
    cleaned = remove_lines(np.maximum(ink, line))
    assert left_over(ink, line, cleaned) < 0.02
    assert lost(ink, line, cleaned) < 0.02


def test_squared_paper_is_no_box_with_dividers() -> None:
    ink = inked()
    line = lines(ink.shape, 30, 4, both=True) / 0.8
    cleaned = remove_lines(np.maximum(ink, line))
    assert left_over(ink, line, cleaned) < 0.02


def test_lines_that_climb_a_little_go() -> None:
    ink = inked()
    line = np.zeros_like(ink)
    for at in (20, 150, 230):
        cv2.line(line, (0, at + 8), (ink.shape[1], at), 0.8, 2)
    cleaned = remove_lines(np.maximum(ink, line))
    assert left_over(ink, line, cleaned) < 0.05


def test_the_boxes_of_a_form_go() -> None:
    ink = inked("2358", gap=50)
    line = np.zeros_like(ink)
    edges = np.linspace(20, ink.shape[1] - 20, 5).astype(int)
    for left, right in pairwise(edges):
        cv2.rectangle(line, (int(left), 30), (int(right), ink.shape[0] - 30), 1.0, 2)
    cleaned = remove_lines(np.maximum(ink, line))
    assert left_over(ink, line, cleaned) < 0.02
    assert lost(ink, line, cleaned) < 0.02


def test_boxes_on_their_own_go() -> None:
    ink, line = np.zeros((160, 400), np.float32), np.zeros((160, 400), np.float32)
    for left in (20, 150, 280):
        cv2.rectangle(line, (left, 30), (left + 90, 130), 1.0, 3)
        cv2.line(ink, (left + 40, 50), (left + 50, 110), 1.0, 5)
    cleaned = remove_lines(np.maximum(ink, line))
    assert np.array_equal(cleaned > 0.5, ink > 0.5)


def test_the_line_between_two_boxes_goes() -> None:
    ink = inked("25", gap=60)
    height, width = ink.shape
    line, middle = np.zeros_like(ink), width // 2
    cv2.rectangle(line, (30, 30), (width - 30, height - 30), 1.0, 4)
    cv2.line(line, (middle, 30), (middle, height - 30), 1.0, 4)
    cleaned = remove_lines(np.maximum(ink, line))
    assert left_over(ink, line, cleaned) < 0.02
    assert lost(ink, line, cleaned) < 0.02


def test_a_box_without_an_inside_is_no_trouble() -> None:
    ink = np.zeros((160, 160), np.float32)
    cv2.rectangle(ink, (30, 30), (129, 129), 1.0, 2)
    ink[30:125, 79:81] = ink[79:81, 30:125] = 1
    assert remove_lines(ink).shape == ink.shape


def test_a_stroke_across_a_line_stays_whole_and_one_along_it_stays() -> None:
    ink, line = np.zeros((200, 500), np.float32), np.zeros((200, 500), np.float32)
    for left in range(60, 460, 80):
        cv2.line(ink, (left, 70), (left + 8, 130), 1.0, 7)
    cv2.line(ink, (260, 100), (300, 100), 1.0, 9)  # the bar of a digit that lies on the line
    line[99:101] = 0.8
    cleaned = remove_lines(np.maximum(ink, line))
    count, _ = cv2.connectedComponents((cleaned > 0.4).astype(np.uint8))
    assert count - 1 == 5  # the bar hangs on to its stroke
    assert (cleaned[ink > 0.5] > 0.4).mean() > 0.97


@pytest.mark.parametrize("text", ["50326", "08086", "6508"])
def test_a_row_of_touching_digits_is_no_line(text: str) -> None:
    ink = inked(text, height=150, gap=-8, margin=150)
    assert (remove_lines(ink) > 0.5).sum() > 0.98 * (ink > 0.5).sum()


@pytest.mark.parametrize("beside", ["", "5"])
def test_large_1s_are_not_lines(beside: str) -> None:
    ink = np.zeros((240, 400), np.float32)
    cv2.line(ink, (60, 40), (60, 200), 1.0, 9)
    cv2.line(ink, (130, 38), (135, 204), 1.0, 9)
    if beside:
        digit = digit_ink(int(beside), 160)
        ink[40:200, 200 : 200 + digit.shape[1]] = digit
    cleaned = remove_lines(ink)
    assert (cleaned[ink > 0.5] > 0.4).mean() > 0.99


def ring(shape: tuple[int, ...], missing: int = 0) -> Ink:
    """An ellipse within a page's edges, `missing` degrees of it left out."""
    drawn, (height, width) = np.zeros(shape, np.float32), shape
    cv2.ellipse(drawn, (width // 2, height // 2), (width // 2 - 6, height // 2 - 6), 2, 30, 390 - missing, 1.0, 3)
    return drawn


@pytest.mark.parametrize("missing", [0, 25])
@pytest.mark.parametrize("text", ["23", "40", "52817"])
def test_a_circle_around_a_number_goes(text: str, missing: int) -> None:
    ink = inked(text, height=40, margin=20 + 16 * len(text))
    around = ring(ink.shape, missing)
    cleaned = remove_lines(np.maximum(ink, around))
    assert lost(ink, around, cleaned) < 0.02
    assert left_over(ink, around, cleaned) < 0.02


def test_a_0_with_a_stroke_in_it_and_digits_side_by_side_are_no_circles() -> None:
    page = np.zeros((120, 200), np.float32)
    cv2.ellipse(page, (60, 60), (30, 44), 0, 0, 360, 1.0, 5)
    cv2.line(page, (52, 70), (68, 50), 1.0, 5)
    cv2.ellipse(page, (140, 60), (30, 44), 0, 0, 360, 1.0, 5)
    assert np.array_equal(remove_lines(page), page)


def test_rules_from_edge_to_edge_go_and_crossing_strokes_stay() -> None:
    ink = np.zeros((200, 300), dtype=np.float32)
    ink[40:160, 140:152] = 1
    ink[62:100, 40:60] = 1  # hangs from a line, and does not cross it
    ink[60:62] = ink[120:122] = 0.9
    cleaned = remove_rules(ink)
    assert not cleaned[60:62, 10:130].any()
    assert (cleaned[40:160, 142:150] > 0.5).all()
    turned = remove_rules(np.ascontiguousarray(ink.T))
    assert not turned[10:130, 60:62].any()


def test_a_line_that_ends_on_the_page_is_no_rule() -> None:
    ink = np.zeros((200, 300), np.float32)
    ink[60:62, 30:] = 1
    assert np.array_equal(remove_rules(ink), ink)


def boxed(corners: list[tuple[int, int]], thick: int = 4) -> tuple[Ink, Ink]:
    """A 7 in the middle of a page, and a shape drawn around it."""
    digit, around = np.zeros((240, 240), np.float32), np.zeros((240, 240), np.float32)
    ink = digit_ink(7, 70)
    left = 120 - ink.shape[1] // 2
    digit[85:155, left : left + ink.shape[1]] = ink
    cv2.polylines(around, [np.array(corners, np.int32)], True, 1.0, thick)
    return digit, around


@pytest.mark.parametrize(
    "corners",
    [
        [(40, 40), (200, 40), (200, 200), (40, 200)],
        [(36, 48), (118, 40), (206, 36), (198, 120), (203, 202), (110, 196), (42, 205), (44, 120)],
        [(45, 60), (190, 30), (210, 180), (60, 205)],
    ],
    ids=["with a ruler", "by hand", "askew"],
)
def test_a_box_drawn_around_a_digit_goes(corners: list[tuple[int, int]]) -> None:
    digit, around = boxed(corners)
    assert np.array_equal(remove_drawn_boxes(np.maximum(digit, around)), digit)


@pytest.mark.parametrize(
    ("corners", "thick"),
    [
        ([(120, 20), (220, 120), (120, 220), (20, 120)], 4),
        ([(120, 15), (225, 190), (15, 190)], 4),
        ([(75, 40), (165, 40), (200, 75), (200, 165), (165, 200), (75, 200), (40, 165), (40, 75)], 4),
        ([(40, 40), (200, 40), (200, 200), (40, 200)], 40),
    ],
    ids=["a rhombus", "a triangle", "an octagon", "a fat frame"],
)
def test_other_shapes_around_a_digit_stay(corners: list[tuple[int, int]], thick: int) -> None:
    ink = np.maximum(*boxed(corners, thick))
    assert np.array_equal(remove_drawn_boxes(ink), ink)


def test_a_0_with_a_dot_in_it_is_no_box() -> None:
    ink = np.zeros((200, 200), np.float32)
    cv2.ellipse(ink, (100, 100), (45, 70), 10, 0, 360, 1.0, 8)
    cv2.circle(ink, (100, 100), 16, 1.0, -1)
    assert np.array_equal(remove_drawn_boxes(ink), ink)


def test_an_empty_box_may_be_a_0_and_so_may_a_small_one() -> None:
    empty, small = np.zeros((200, 200), np.float32), np.zeros((200, 200), np.float32)
    cv2.rectangle(empty, (40, 40), (160, 160), 1.0, 4)
    cv2.rectangle(small, (40, 40), (70, 70), 1.0, 1)
    small[50:62, 53:57] = 1
    for ink in (empty, small):
        assert np.array_equal(remove_drawn_boxes(ink), ink)


@pytest.mark.parametrize(("dots", "step", "removed"), [(20, 14, True), (5, 14, False), (8, 60, False)])
def test_dotted_lines_go_and_single_points_stay(dots: int, step: int, removed: bool) -> None:
    ink = inked()
    drawn = np.zeros_like(ink)
    for i in range(dots):
        drawn[-20:-15, 20 + i * step : 26 + i * step] = 1
    drawn = drawn[:, : ink.shape[1]]
    cleaned = remove_lines(np.maximum(ink, drawn))
    assert (not cleaned[drawn > 0].any()) is removed
    assert lost(ink, drawn, cleaned) == 0
