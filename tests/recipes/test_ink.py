import numpy as np
import pytest

from mnistcnn.data.synthetic import render_digits
from mnistcnn.ink.framing import center_digit
from mnistcnn.ink.strokes import adjust_strokes
from recipes import ink as module
from recipes.ink import (
    CANVAS,
    bend,
    blocks,
    crop,
    cut_out,
    fade,
    framed,
    is_one_stroke,
    join,
    parse_strokes,
    roughen,
    slant,
    smooth_path,
    tilt,
    warp,
    write,
)

DIGITS, LABELS = render_digits(60, 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def bar() -> np.ndarray:
    """An upright bar of ink on a canvas."""
    ink = np.zeros((CANVAS, CANVAS), np.float32)
    ink[10:54, 30:35] = 1
    return ink


def test_the_quick_pen_is_nearly_the_exact_one() -> None:
    for width in (2, 6, 24):
        ink = np.zeros((CANVAS, CANVAS), np.float32)
        ink[4:60, 20 : 20 + width] = ink[40 : 40 + width, 4:60] = 1
        quick, exact = (make(crop(ink)) for make in (module._adjusted, adjust_strokes))
        share = float(np.mean(quick > 0.5)) / float(np.mean(exact > 0.5))
        assert share == pytest.approx(1, abs=0.25)


def test_a_part_is_what_lies_between_two_cuts() -> None:
    ink = np.ones((20, 100), np.float32)
    assert cut_out(ink, 0, 1, rng()).shape == ink.shape
    assert 25 <= cut_out(ink, 0, 0.4, rng()).shape[1] <= 60
    left, right = cut_out(ink, 0, 0.5, rng(3)).sum(), cut_out(ink, 0.5, 1, rng(3)).sum()
    assert left + right == pytest.approx(ink.sum())


def test_joined_inks_stand_in_a_row() -> None:
    ink = np.ones((30, 10), np.float32)
    assert crop(join([ink, ink], 0.2, rng())).shape[1] == 26
    assert crop(join([ink, ink], -0.1, rng())).shape[1] == 17


def test_a_path_goes_along_its_points_and_is_softened() -> None:
    corner = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    hard, soft = smooth_path(corner, 1), smooth_path(corner, 9)
    assert hard.shape == soft.shape
    assert np.allclose(hard[[0, -1]], corner[[0, -1]])
    assert np.hypot(*(hard - corner[1]).T).min() < 0.3 < np.hypot(*(soft - corner[1]).T).min()


def test_a_warp_leaves_the_middle_and_the_type() -> None:
    image = np.zeros((28, 28), np.uint8)
    image[13:15, 13:15] = 255
    warped = warp(image, rng(), turn=0.3, stretch=0.2, side=CANVAS)
    assert warped.shape == (CANVAS, CANVAS)
    assert warped.dtype == np.uint8
    assert np.mean(np.nonzero(warped), axis=1) == pytest.approx([31.5, 31.5], abs=0.6)


def test_what_has_next_to_no_ink_is_drawn_again() -> None:
    drawn = iter([np.zeros((CANVAS, CANVAS), np.float32), bar()])
    assert framed(lambda: next(drawn), rng()).max() == 255


@pytest.mark.parametrize("wear", [blocks, roughen])
def test_worn_ink_is_other_ink_in_the_same_place(wear: module.Wear) -> None:
    ink = np.asarray(DIGITS[LABELS == 3][0] / 255, np.float32).repeat(2, axis=0).repeat(2, axis=1)
    for seed in range(20):
        worn, whole = (center_digit(crop(each)).astype(float).ravel() for each in (wear(ink, rng(seed)), ink))
        assert not np.array_equal(worn, whole)
        assert np.corrcoef(worn, whole)[0, 1] > 0.3


def test_faded_ink_is_paler_in_places_and_nowhere_else() -> None:
    ink = np.asarray(DIGITS[LABELS == 3][0] / 255, np.float32).repeat(2, axis=0).repeat(2, axis=1)
    for seed in range(20):
        faded = fade(ink, rng(seed))
        assert (faded <= ink).all() and not np.array_equal(faded, ink)
        assert np.corrcoef(faded.ravel(), ink.ravel())[0, 1] > 0.8


def test_a_slanted_bar_leans_to_the_right_and_keeps_its_ink() -> None:
    leaning = slant(bar(), 0.5, 1.0)
    top, base = (np.flatnonzero(leaning[row] > 0.5).mean() for row in (12, 52))
    assert top - base == pytest.approx(20, abs=1)
    assert leaning.sum() == pytest.approx(bar().sum(), rel=0.05)
    assert slant(bar(), 0.0, 2.0).sum() == pytest.approx(2 * bar().sum(), rel=0.05)


def test_bent_and_tilted_ink_stays_about_the_same() -> None:
    for changed in (bend(bar(), rng(), 1.0), tilt(bar(), rng(), 0.1)):
        assert not np.array_equal(changed, bar())
        assert changed.sum() == pytest.approx(bar().sum(), rel=0.3)


def test_one_straight_stroke_is_told_from_anything_else() -> None:
    ones = [is_one_stroke(frame) for frame in DIGITS[LABELS == 1]]
    assert is_one_stroke(center_digit(crop(bar()))) and np.mean(ones) > 0.3
    assert not any(is_one_stroke(frame) for frame in DIGITS[(LABELS != 1) & (LABELS != 7)])


def test_strokes_are_parsed_and_written() -> None:
    strokes = parse_strokes("00 60 29,14 54")
    assert [stroke.tolist() for stroke in strokes] == [[[0, 0], [6, 0], [2, 9]], [[1, 4], [5, 4]]]
    assert write(strokes, rng()).sum() > write(strokes[1:], rng()).sum() > 12
