import numpy as np

from mnistcnn.data.synthetic import WAYS, render_digit, render_digits
from mnistcnn.ink.framing import is_framed


def test_the_seed_decides_the_digits() -> None:
    images, labels = render_digits(30, 5)
    again, same = render_digits(30, 5)
    other, _ = render_digits(30, 6)
    assert np.array_equal(images, again)
    assert np.array_equal(labels, same)
    assert not np.array_equal(images, other)


def test_every_digit_comes_equally_often_in_no_order() -> None:
    images, labels = render_digits(100, 1)
    assert images.shape == (100, 28, 28)
    assert images.dtype == labels.dtype == np.uint8
    assert np.bincount(labels, minlength=10).tolist() == [10] * 10
    assert labels.tolist() != sorted(labels.tolist())


def test_digits_are_framed_as_mnist_frames_them() -> None:
    images, _ = render_digits(60, 2)
    framed = sum(is_framed(image) for image in images)
    assert framed >= 55  # a few long slanted ones stop at the edge
    assert 0.07 < (images > 127).mean() < 0.25  # MNIST: 0.13


def test_there_are_several_ways_of_writing_each_digit() -> None:
    assert set(WAYS) == set(range(10))
    assert all(len(ways) >= 4 for ways in WAYS.values())
    points = [p for ways in WAYS.values() for way in ways for stroke in way for p in stroke]
    assert all(-0.05 <= x <= 1.05 and -0.05 <= y <= 1.05 for x, y in points)


def test_no_two_drawings_are_alike() -> None:
    rng = np.random.default_rng(0)
    drawings = {render_digit(3, rng).tobytes() for _ in range(50)}
    assert len(drawings) == 50


def test_progress_is_told() -> None:
    told: list[int] = []
    render_digits(500, 1, told.append)
    assert told == [250, 500]
