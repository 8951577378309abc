import numpy as np
import pytest

from mnistcnn.data.synthetic import render_digits
from mnistcnn.ink.framing import is_framed
from mnistcnn.ink.strokes import adjust_strokes
from mnistcnn.training import counterexamples
from mnistcnn.training.counterexamples import draw_counterexamples, jitter_frames, vary_digits
from mnistcnn.training.counterexamples.ink import CANVAS, crop, cut_out, join, smooth_path, warp

DIGITS, LABELS = render_digits(60, 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_generator_decides_what_is_drawn(seed: int) -> None:
    first, again, other = (draw_counterexamples(DIGITS, LABELS.tolist(), 40, rng(s)) for s in (seed, seed, seed + 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", [kind for kind, *_ in counterexamples._KINDS])
def test_every_kind_is_framed_as_a_digit_is_and_has_ink(kind: counterexamples.Kind) -> None:
    generator = rng()
    frames = np.stack([counterexamples._framed(kind, DIGITS, generator) for _ in range(30)])
    assert frames.shape == (30, 28, 28)
    assert frames.dtype == np.uint8
    assert (frames.max(axis=(1, 2)) == 255).all()
    for frame in frames:
        rows, columns = np.nonzero(frame)
        assert max(np.ptp(rows), np.ptp(columns)) >= 17
    assert len({frame.tobytes() for frame in frames}) == 30


def test_a_kind_is_made_of_the_digits_that_it_makes_no_digit_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counterexamples, "_KINDS", [each for each in counterexamples._KINDS if len(each[2]) < 10])
    blots = np.where(np.isin(LABELS, (0, 1))[:, None, None], np.uint8(255), DIGITS)
    drawn, blotted = (draw_counterexamples(of, LABELS.tolist(), 60, rng()) for of in (DIGITS, blots))
    assert np.array_equal(drawn, blotted)


def test_a_network_that_reads_all_as_a_one_has_counterexamples_too() -> None:
    assert draw_counterexamples(DIGITS, [1] * len(DIGITS), 40, rng()).shape == (40, 28, 28)


def test_a_mirror_shows_what_is_no_digit() -> None:
    assert np.array_equal(counterexamples._mirrored(DIGITS, rng(1))[:, ::-1], counterexamples._digit(DIGITS, rng(1)))


def test_varied_digits_are_framed_and_still_look_like_themselves() -> None:
    varied = vary_digits(DIGITS, LABELS.tolist(), rng())
    assert varied.shape == DIGITS.shape
    assert np.mean([is_framed(frame) for frame in varied]) > 0.8
    likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(varied, DIGITS, strict=True)]
    strangers = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(varied, DIGITS[::-1], strict=True)]
    assert np.mean(likeness) > np.mean(strangers) + 0.3


def test_only_sevens_are_crossed() -> None:
    def middle_ink(labels: list[int]) -> float:
        return float(vary_digits(np.repeat(DIGITS[LABELS == 1][:1], 60, axis=0), labels, rng())[:, 12:17].mean())

    assert middle_ink([7] * 60) > 1.05 * middle_ink([1] * 60)


def test_only_ones_get_a_flag() -> None:
    def upper_left(label: int) -> float:
        ones = np.zeros((60, 28, 28), np.uint8)
        ones[:, 4:24, 13:16] = 255
        return float(vary_digits(ones, [label] * 60, rng())[:, 4:14, :11].mean())

    assert upper_left(1) > 3 * upper_left(2)


def test_jittered_frames_stay_close() -> None:
    jittered = jitter_frames(DIGITS, rng())
    assert jittered.shape == DIGITS.shape
    assert not np.array_equal(jittered, DIGITS)
    assert np.corrcoef(jittered.ravel(), DIGITS.ravel())[0, 1] > 0.7


def test_the_quick_pen_is_nearly_the_exact_one() -> None:
    for width in (2, 6, 24):
        ink = np.zeros((CANVAS, CANVAS), np.float32)
        ink[4:60, 20 : 20 + width] = ink[40 : 40 + width, 4:60] = 1
        quick, exact = (make(crop(ink)) for make in (counterexamples._adjusted, adjust_strokes))
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


def test_overwritten_digits_take_the_place_of_one() -> None:
    generator = rng()
    one = [counterexamples._digit(DIGITS, generator) for _ in range(60)]
    both = [crop(counterexamples._overwritten(DIGITS, generator)) for _ in range(60)]
    assert np.mean([ink.shape for ink in both]) < 1.4 * np.mean([ink.shape for ink in one])
    assert np.mean([ink.sum() for ink in both]) > 1.4 * np.mean([ink.sum() for ink in one])
