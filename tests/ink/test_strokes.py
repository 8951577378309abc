import numpy as np
import pytest

from mnistcnn.ink.framing import Ink, center_digit
from mnistcnn.ink.strokes import (
    PARAMS,
    THICKEST,
    THINNEST,
    adjust_strokes,
    dilate,
    dilate_square,
    disc,
    erode,
    stroke_width,
    thin,
)


def ring(size: int, width: float) -> Ink:
    """A circle that fills size × size, drawn with a pen of that width."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.hypot(x, y)
    drawn: Ink = np.clip(width / 2 + 0.5 - np.abs(radius - (size - width) / 2 + 0.5), 0, 1).astype(np.float32)
    return drawn


@pytest.mark.parametrize("width", [4.0, 8.0, 12.0, 20.0])
def test_the_width_of_strokes_is_measured(width: float) -> None:
    assert stroke_width(ring(80, width)) == pytest.approx(width, rel=0.15)


@pytest.mark.parametrize("size", [30, 80, 300, 800])
@pytest.mark.parametrize("share", [0.12, 0.15, 0.17])
def test_strokes_as_mnists_are_left_alone(size: int, share: float) -> None:
    ink = ring(size, share * size)
    assert adjust_strokes(ink) is ink


@pytest.mark.parametrize(("size", "width"), [(800, 1), (800, 3), (300, 2), (100, 1)])
def test_hairlines_become_as_wide_as_a_thin_pen(size: int, width: int) -> None:
    adjusted = adjust_strokes(ring(size, width))
    assert THINNEST <= stroke_width(adjusted) / PARAMS.detail_times <= THICKEST
    framed = center_digit(adjusted)
    assert framed.max() == 255
    assert not framed[13:15, 13:15].any()  # the middle of the ring stays open


@pytest.mark.parametrize("size", [40, 80, 280])
def test_fat_brushes_become_as_wide_as_a_broad_pen(size: int) -> None:
    fat = ring(size, 0.3 * size)
    adjusted = adjust_strokes(fat)
    assert stroke_width(adjusted) / PARAMS.detail_times < 0.3 * 20
    assert 3.0 < stroke_width(adjusted) / PARAMS.detail_times < 4.6


def test_thinning_keeps_the_thin_lines() -> None:
    ink = np.zeros((60, 60), dtype=np.float32)
    ink[5:30, 5:30] = 1
    ink[15, 30:55] = 1  # a line of one pixel
    thinned = thin(ink, 4.0)
    assert thinned[15, 45] == 1
    assert thinned[6, 6] == 0
    assert thinned[17, 17] == 1


def test_discs_are_round() -> None:
    assert disc(0).tolist() == [[1]]
    assert disc(1).sum() == 5
    assert disc(1.5).sum() == 9


def test_dilation_and_erosion_are_each_others_mirror() -> None:
    ink = np.pad(ring(30, 6), 5)
    rest = 1 - ink
    assert np.allclose(dilate(ink, 2.0)[4:-4, 4:-4], 1 - erode(rest, 2.0)[4:-4, 4:-4])
    assert (dilate(ink, 2.3) >= ink).all()
    assert (erode(ink, 2.3) <= ink).all()


def test_radii_between_pixels_lie_between() -> None:
    ink = np.pad(ring(30, 6), 5)
    sums = [float(dilate(ink, r).sum()) for r in (1.0, 1.2, 1.4, 1.5, 2.0)]
    assert sums == sorted(sums)
    assert len(set(sums)) == 5


def test_spreading_is_a_square() -> None:
    ink = np.zeros((9, 9), dtype=np.float32)
    ink[4, 4] = 1
    assert dilate_square(ink, 2).sum() == 25
    assert dilate_square(ink, 0).sum() == 1
    assert dilate_square(ink, 100).all()
