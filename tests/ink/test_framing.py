import numpy as np
import pytest

from mnistcnn.data.synthetic import render_digits
from mnistcnn.ink.framing import Ink, center_by_mass, center_digit, fit_box, ink_box, is_framed


def bar(height: int, width: int, shape: tuple[int, int] = (60, 80), top: int = 5, left: int = 9) -> Ink:
    ink = np.zeros(shape, dtype=np.float32)
    ink[top : top + height, left : left + width] = 1
    return ink


def test_the_box_holds_all_ink() -> None:
    assert ink_box(bar(7, 11)) == (slice(5, 12), slice(9, 20))
    assert ink_box(np.zeros((4, 4), dtype=np.float32)) is None


@pytest.mark.parametrize(("height", "width"), [(40, 10), (10, 40), (3, 3), (1, 60)])
def test_the_longer_side_becomes_twenty_and_proportions_stay(height: int, width: int) -> None:
    fitted = fit_box(np.ones((height, width), dtype=np.float32))
    assert max(fitted.shape) == 20
    scale = 20 / max(height, width)
    assert fitted.shape == (max(1, round(height * scale)), max(1, round(width * scale)))
    assert fitted.min() >= 0
    assert fitted.max() <= 1


def test_the_centre_of_mass_comes_to_the_middle() -> None:
    ink = np.full((20, 12), 0.5, dtype=np.float32)
    ink[:5] = 1  # heavier at the top
    square = center_by_mass(ink)
    rows = np.arange(28)
    assert 13.5 <= square.sum(axis=1) @ rows / square.sum() <= 14.5
    assert 13.5 <= square.sum(axis=0) @ rows / square.sum() <= 14.5


def test_centring_stops_at_the_edge() -> None:
    ink = np.zeros((20, 20), dtype=np.float32)
    ink[0, 0] = 1
    ink[19, 19] = 0.01
    assert center_by_mass(ink).sum() == pytest.approx(1.01)


def test_a_frame_is_28_square_bytes_with_full_ink() -> None:
    framed = center_digit(bar(30, 20))
    assert framed.shape == (28, 28)
    assert framed.dtype == np.uint8
    assert framed.max() == 255
    box = ink_box(framed.astype(np.float32))
    assert box is not None
    assert max(span.stop - span.start for span in box) == 20


def test_no_ink_is_an_empty_frame() -> None:
    assert not center_digit(np.zeros((9, 9), dtype=np.float32)).any()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: 255 - p,
        lambda p: np.roll(p, 4, axis=0),
        lambda p: p // 2,
        lambda p: np.pad(p, 1),
        lambda p: np.maximum(p, 3),
    ],
)
def test_what_is_not_quite_as_mnist_has_it_is_read(spoil: object) -> None:
    framed = next(digit for digit in render_digits(40, 3)[0] if is_framed(digit))
    assert not is_framed(spoil(framed))  # type: ignore[operator]
