import numpy as np
import pytest

from mnistcnn.ink.threshold import blur, otsu, scaled, to_ink

INK = np.zeros((64, 64), bool)
INK[20:44, 28:36] = True


def test_grey_levels_of_edges_are_kept() -> None:
    grey = blur(INK.astype(np.float32), 1.5)
    ink = to_ink(grey)
    assert ink is not None
    assert len(np.unique(ink)) > 20
    assert (ink.min(), ink.max()) == (0, 1)


def test_otsu_parts_two_classes_in_the_middle() -> None:
    assert otsu(np.array([[0.1] * 50 + [0.9] * 50], dtype=np.float32)) == pytest.approx(0.5, abs=0.05)


def test_blur_keeps_the_mass_and_spreads_it() -> None:
    spot = np.zeros((31, 31), dtype=np.float32)
    spot[15, 15] = 1
    blurred = blur(spot, 2.0)
    assert blurred.sum() == pytest.approx(1.0, abs=1e-4)
    rows = np.arange(31) - 15
    assert float((blurred.sum(axis=1) * rows**2).sum()) == pytest.approx(4.0, rel=0.05)


def test_blur_keeps_an_even_level_up_to_the_edges() -> None:
    assert blur(np.full((9, 7), 0.5, dtype=np.float32), 1.3) == pytest.approx(0.5, abs=1e-6)


def test_paper_reaches_up_to_half_the_threshold_and_full_ink_from_its_level_on() -> None:
    grey = np.array([[-0.1, 0.2, 0.5, 0.8, 1.0]], dtype=np.float32)
    assert scaled(grey, threshold=0.4, full=0.8) == pytest.approx(np.array([[0, 0, 0.5, 1, 1]]))
