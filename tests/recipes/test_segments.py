import numpy as np

from mnistcnn.data.synthetic import render_digits
from mnistcnn.reading.detector import NONE
from recipes.counterexamples.segments import draw_segments

DIGITS, LABELS = render_digits(40, 1)


def draw(seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    return draw_segments(DIGITS, LABELS.tolist(), count, np.random.default_rng(seed))


def test_the_generator_decides_what_is_drawn() -> None:
    (first, labels), (again, same), (other, _) = draw(1), draw(1), draw(2)
    assert np.array_equal(first, again) and np.array_equal(labels, same)
    assert not np.array_equal(first, other)


def test_frames_are_as_the_network_wants_them_and_as_many_as_asked_for() -> None:
    for count in (1, 17):
        frames, labels = draw(3, count)
        assert frames.shape == (count, 28, 28) and frames.dtype == np.uint8
        assert labels.shape == (count,) and labels.dtype == np.int64
        assert (frames.max(axis=(1, 2)) == 255).all()


def test_there_are_whole_digits_and_other_segments() -> None:
    _, labels = draw(1, 1000)
    assert 0.1 < (labels < NONE).mean() < 0.4


def test_what_is_called_a_digit_looks_like_one_of_those_that_were_written() -> None:
    frames, labels = draw(1, 120)
    alike = np.corrcoef(frames.reshape(len(frames), -1), DIGITS.reshape(len(DIGITS), -1))[: len(frames), len(frames) :]
    best, ones = alike.max(axis=1), labels < NONE
    assert best[ones].mean() > best[~ones].mean() + 0.1
    assert (LABELS[alike.argmax(axis=1)] == labels)[ones].mean() > 0.9
