import cv2
import numpy as np
import pytest

from mnistcnn.ink.page import enlarged, find_corners, page_ink, straightened, subtract_window
from mnistcnn.ink.paper import find_ink
from tests.writing import colours, moved, off_by, on_a_table, write


def test_only_smaller_pictures_are_enlarged() -> None:
    small, large = colours(np.full((10, 20), 250, np.uint8)), colours(np.full((10, 70), 250, np.uint8))
    larger, factor = enlarged(small, 60)
    assert (larger.shape, factor) == ((30, 60, 3), 3.0)
    assert larger == pytest.approx(250 / 255, abs=1e-3)
    same, factor = enlarged(large, 60)
    assert same is large and factor == 1.0


def test_the_paper_is_zero_in_light_and_in_shadow_and_ink_counts_as_much_in_both() -> None:
    picture, boxes = write("25", gap=120, margin=120)
    beside = (boxes[0][2] + boxes[1][0]) // 2
    shadow = np.where(np.arange(picture.shape[1]) > beside, 0.55, 1.0)
    difference = subtract_window(colours(np.rint(picture * shadow).astype(np.uint8)))
    strongest = []
    for left, top, right, bottom in boxes:
        strongest.append(difference[top:bottom, left:right].min())
        difference[top - 9 : bottom + 9, left - 9 : right + 9] = 0
    assert strongest == pytest.approx([-0.88, -0.88], abs=0.06)
    assert np.median(np.abs(difference)) < 0.01


def test_ink_is_where_grey_levels_stand_out_from_noise() -> None:
    grey = np.random.default_rng(1).normal(0, 0.1, (200, 300)).astype(np.float32)
    assert page_ink(np.zeros((200, 300), np.float32)) is None
    grey[80:120, 50:60] += 0.5
    ink = page_ink(grey)
    assert ink is not None
    assert ink[82:118, 52:58].min() > 0.5
    ink[76:124, 46:64] = 0
    assert ink.max() < 0.5


def test_a_straightened_page_is_upright_and_its_matrix_leads_to_it() -> None:
    page, (box,) = write("7", height=120, margin=80)
    table, there = on_a_table(page)
    corners = find_corners(colours(table))
    assert corners is not None
    upright, matrix = straightened(colours(table), corners)
    height, width, _ = upright.shape
    assert min(upright[0, :, 0].min(), upright[:, 0, 0].min()) > 0.9  # nothing of the table
    ink = page_ink(find_ink(subtract_window(upright)))
    assert ink is not None
    rows, columns = np.nonzero(ink > 0.5)
    left, top, right, bottom = moved(box, matrix @ there)
    assert off_by((columns.min(), rows.min(), columns.max(), rows.max()), (left, top, right, bottom)) < 6
    assert 0 < left < right < width and 0 < top < bottom < height


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
