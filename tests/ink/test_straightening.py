import cv2
import numpy as np
import pytest

from mnistcnn.ink.straightening import find_corners, straightened
from mnistcnn.ink.surface import to_grey
from mnistcnn.ink.window import page_ink, subtract_window
from tests.writing import colours, moved, off_by, on_a_table, write


def test_a_straightened_page_is_upright_and_its_matrix_leads_to_it() -> None:
    page, (box,) = write("7", height=120, margin=80)
    table, there = on_a_table(page)
    corners = find_corners(colours(table))
    assert corners is not None
    upright, matrix = straightened(colours(table), corners)
    height, width, _ = upright.shape
    assert min(upright[0, :, 0].min(), upright[:, 0, 0].min()) > 0.9  # nothing of the table
    ink = page_ink(to_grey(subtract_window(upright)))
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
