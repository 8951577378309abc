import numpy as np

from mnistcnn.data.synthetic import render_digits
from mnistcnn.training.counterexamples.segments import draw_segments

DIGITS = render_digits(40, 1)[0]


def draw(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    return draw_segments(DIGITS, count, np.random.default_rng(seed))


def test_the_generator_decides_what_is_drawn() -> None:
    (first, ones), (again, same), (other, _) = draw(1), draw(1), draw(2)
    assert np.array_equal(first, again) and np.array_equal(ones, same)
    assert not np.array_equal(first, other)


def test_frames_are_as_the_network_wants_them_and_as_many_as_asked_for() -> None:
    for count in (1, 17):
        frames, ones = draw(3, count)
        assert frames.shape == (count, 28, 28) and frames.dtype == np.uint8
        assert ones.shape == (count,) and ones.dtype == bool
        assert (frames.max(axis=(1, 2)) == 255).all()


def test_there_are_whole_digits_and_other_segments() -> None:
    _, ones = draw(1, 200)
    assert 0.15 < ones.mean() < 0.6


def test_what_is_called_a_digit_looks_like_one_of_those_that_were_written() -> None:
    frames, ones = draw(1, 120)
    alike = np.corrcoef(frames.reshape(len(frames), -1), DIGITS.reshape(len(DIGITS), -1))[: len(frames), len(frames) :]
    best = alike.max(axis=1)
    assert best[ones].mean() > best[~ones].mean() + 0.1
