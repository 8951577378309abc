import numpy as np
import pytest

from mnistcnn.ink.window import enlarged, page_ink, subtract_window
from tests.writing import colours, write


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
