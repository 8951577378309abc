import numpy as np
import pytest

from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.surface import (
    fit_surface,
    subtract_surface,
    to_grey,
    top_hat,
)
from mnistcnn.ink.threshold import to_ink


def paper(height: int = 100, width: int = 120, colour: tuple[float, float, float] = (1, 1, 1)) -> Colours:
    return np.tile(np.array(colour, dtype=np.float32), (height, width, 1))


def written(colours: Colours, colour: tuple[float, float, float] = (0, 0, 0)) -> Colours:
    """An L of strokes eight pixels wide."""
    colours = colours.copy()
    colours[20:80, 40:48] = colour
    colours[72:80, 40:80] = colour
    return colours


INK = np.zeros((100, 120), dtype=bool)
INK[20:80, 40:48] = INK[72:80, 40:80] = True


def agrees(ink: Ink | None) -> bool:
    return ink is not None and bool(((ink > 0.5) == INK).mean() > 0.99)


@pytest.mark.parametrize(
    ("pen", "ground"),
    [
        ((0, 0, 0), (1, 1, 1)),
        ((1, 1, 1), (0, 0, 0)),
        ((1, 0.9, 0.1), (1, 1, 1)),
        ((1, 0, 0), (0, 0, 0)),
        ((0, 0, 0.5), (0.9, 0.95, 1)),
        ((0.55, 0.55, 0.55), (0.45, 0.45, 0.45)),
    ],
)
def test_ink_of_any_colour_is_found(pen: tuple[float, float, float], ground: tuple[float, float, float]) -> None:
    grey = to_grey(subtract_surface(written(paper(colour=ground), pen)))
    assert agrees(to_ink(grey))
    assert abs(float(np.median(grey[~INK]))) < 0.02


def test_full_contrast_is_one() -> None:
    grey = to_grey(subtract_surface(written(paper())))
    assert float(np.median(grey[INK])) == pytest.approx(1.0, abs=0.05)


def test_the_ink_that_stands_out_most_decides_what_counts_as_ink() -> None:
    flat = np.zeros((50, 50, 3), dtype=np.float32)
    flat[:, :10] = 0, 0, -0.6  # a fifth of the picture is a yellow stain
    flat[:2, 20:] = -1, -1, 0
    grey = to_grey(flat)
    assert grey[0, 20:] == pytest.approx(1, abs=1e-6)
    assert grey[:, :10] == pytest.approx(0, abs=1e-6)


def test_polarity_can_be_overridden() -> None:
    dark = written(paper(colour=(0.5, 0.5, 0.5)), (0, 0, 0))
    dark[5:10, 100:115] = 1  # and something light
    assert agrees(
        to_ink(np.where(to_grey(subtract_surface(dark), invert=True) > 0, to_grey(subtract_surface(dark), True), 0))
    )
    light = to_ink(to_grey(subtract_surface(dark), invert=False))
    assert light is not None
    assert light[7, 107] > 0.5
    assert light[50, 44] < 0.1


def test_gradients_and_vignettes_are_flattened() -> None:
    y, x = np.mgrid[-1:1:100j, -1:1:120j]
    for light in (0.7 + 0.25 * x, 0.7 - 0.2 * y + 0.05 * x, 1 - 0.2 * (x * x + y * y)):
        colours = (written(paper()) * light[:, :, None]).astype(np.float32)
        flat = subtract_surface(colours)
        assert np.abs(flat[~INK]).max() < 0.08
        assert flat[INK].max() < -0.3


def test_a_pasted_box_is_taken_away() -> None:
    colours = np.pad(written(paper(colour=(0.7, 0.7, 0.7))), ((30, 20), (10, 25), (0, 0)), constant_values=1.0)
    ink = to_ink(top_hat(to_grey(subtract_surface(colours))))
    assert ink is not None
    assert agrees(ink[30:-20, 10:-25])
    assert ink[:25].max() < 0.2


def test_nothing_is_taken_from_a_clean_picture() -> None:
    grey = to_grey(subtract_surface(written(paper())))
    assert top_hat(grey) is grey


def test_a_surface_follows_a_gradient_under_what_is_drawn_on_it() -> None:
    empty = np.repeat(np.linspace(0.3, 0.9, 96, dtype=np.float32)[None, :, None], 3, axis=2).repeat(72, axis=0)
    drawn = empty.copy()
    drawn[20:52, 30:50] = 0.05
    assert fit_surface(drawn) == pytest.approx(empty, abs=0.02)
