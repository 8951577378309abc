import numpy as np
import pytest

from mnistcnn.data.synthetic import render_digits
from recipes import counterexamples
from recipes.counterexamples import draw_counterexamples
from recipes.ink import crop, is_one_stroke

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
    frames = np.stack([counterexamples._frame(kind, DIGITS, generator) for _ in range(30)])
    assert frames.shape == (30, 28, 28)
    assert frames.dtype == np.uint8
    assert (frames.max(axis=(1, 2)) == 255).all()
    for frame in frames:
        rows, columns = np.nonzero(frame)
        assert max(np.ptp(rows), np.ptp(columns)) >= 17
    assert len({frame.tobytes() for frame in frames}) == 30


def test_a_kind_is_made_of_the_digits_that_it_makes_no_digit_of(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = [kind for kind in counterexamples._KINDS if not {0, 1} & set(kind[2])]
    monkeypatch.setattr(counterexamples, "_KINDS", chosen)
    blots = np.where(np.isin(LABELS, (0, 1))[:, None, None], np.uint8(255), DIGITS)
    drawn, blotted = (draw_counterexamples(of, LABELS.tolist(), 60, rng()) for of in (DIGITS, blots))
    assert np.array_equal(drawn, blotted)


def test_ones_alone_will_do() -> None:
    assert draw_counterexamples(DIGITS, [1] * len(DIGITS), 40, rng()).shape == (40, 28, 28)


def test_half_a_digit_that_is_one_stroke_is_not_a_counterexample() -> None:
    zeros = np.zeros((5, 28, 28), np.uint8)
    zeros[:, 4:24, 8:11] = zeros[:, 4:24, 18:21] = 255  # two upright strokes: each side is a 1
    zeros[:, 4:7, 8:21] = 255
    halves = [counterexamples._frame(counterexamples._side_of_digit, zeros, rng(seed)) for seed in range(30)]
    assert not any(is_one_stroke(frame) for frame in halves)


def test_a_mirror_shows_what_is_no_digit() -> None:
    assert np.array_equal(counterexamples._mirrored(DIGITS, rng(1))[:, ::-1], counterexamples._digit(DIGITS, rng(1)))


def test_overwritten_digits_take_the_place_of_one() -> None:
    generator = rng()
    one = [counterexamples._digit(DIGITS, generator) for _ in range(60)]
    both = [crop(counterexamples._overwritten(DIGITS, generator)) for _ in range(60)]
    assert np.mean([ink.shape for ink in both]) < 1.4 * np.mean([ink.shape for ink in one])
    assert np.mean([ink.sum() for ink in both]) > 1.4 * np.mean([ink.sum() for ink in one])
