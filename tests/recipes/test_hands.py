import numpy as np

from mnistcnn.data.synthetic import render_digits
from mnistcnn.ink.framing import is_framed
from mnistcnn.reading.detector import load_detector
from recipes.hands import draw_digits, vary_digits

DIGITS, LABELS = render_digits(60, 1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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


def test_the_generator_decides_what_is_drawn() -> None:
    (first, labels), (again, same), (other, _) = (draw_digits(30, rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (30, 28, 28) and first.dtype == np.uint8 and labels.dtype == np.int64
    assert np.array_equal(first, again) and np.array_equal(labels, same)
    assert not np.array_equal(first, other)


def test_drawn_digits_are_the_digits_that_they_are_called() -> None:
    frames, labels = draw_digits(200, rng())
    assert set(labels) == set(range(10))
    assert (load_detector().logits(frames)[:, :10].argmax(axis=1) == labels).mean() > 0.9
