import cv2
import numpy as np
import pytest

from mnistcnn.ink.decoding import Colours
from mnistcnn.ink.framing import Ink
from mnistcnn.ink.pale import find_pale_ink
from mnistcnn.ink.surface import to_grey
from mnistcnn.ink.threshold import to_ink
from tests.writing import digit_ink

HEIGHT = 60
YELLOW, PINK, GREY = (1, 0.95, 0.3), (1, 0.7, 0.8), (0.72, 0.72, 0.72)


def page(*colours: tuple[float, float, float], digits: str = "2358", noise: float = 0.0) -> tuple[Colours, list[Ink]]:
    """Digits side by side on white paper, each in its colour, less the paper; and the ink of each."""
    difference, inks, left = np.zeros((HEIGHT + 40, 60 + 70 * len(digits), 3), np.float32), [], 40
    for digit, colour in zip(digits, colours, strict=True):
        ink = digit_ink(int(digit), HEIGHT)
        place = np.zeros(difference.shape[:2], np.float32)
        place[20 : 20 + HEIGHT, left : left + ink.shape[1]] = ink
        difference -= place[:, :, None] * (1 - np.array(colour, np.float32))
        inks.append(place)
        left += 70
    difference += np.random.default_rng(0).normal(0, noise, difference.shape).astype(np.float32)
    return difference, inks


def pale_ink(difference: Colours) -> Ink:
    grey = to_grey(difference)
    ink = to_ink(grey)
    assert ink is not None
    return find_pale_ink(difference, grey, ink)


def agrees(found: Ink, ink: Ink) -> bool:
    both = ((found > 0.5) & (ink > 0.5)).sum()
    return bool(both / ((found > 0.5) | (ink > 0.5)).sum() > 0.8)


@pytest.mark.parametrize("colour", [YELLOW, PINK, GREY], ids=["yellow", "pink", "grey"])
@pytest.mark.parametrize("light", [False, True])
def test_pale_digits_beside_black_ones_are_found_in_full_ink(colour: tuple[float, float, float], light: bool) -> None:
    difference, (_, pale, _, other) = page((0, 0, 0), colour, (0, 0, 0), colour, noise=0.005)
    found = pale_ink(-difference if light else difference)
    assert agrees(found, np.maximum(pale, other))
    assert (found.min(), found.max()) == (0, 1)


def test_where_all_are_as_black_nothing_is_pale() -> None:
    difference, _ = page(*[(0, 0, 0)] * 4, noise=0.01)
    assert not pale_ink(difference).any()


@pytest.mark.parametrize("noise", [0.01, 0.05])
def test_noise_alone_is_no_pale_ink(noise: float) -> None:
    difference = np.random.default_rng(1).normal(0, noise, (200, 300, 3)).astype(np.float32)
    grey = to_grey(difference)
    assert not find_pale_ink(difference, grey, np.zeros_like(grey)).any()
    difference += page((0, 0, 0), digits="2")[0][:, :1].mean()  # as even as before
    black, _ = page((0, 0, 0), (0, 0, 0), digits="28", noise=noise)
    assert not pale_ink(black).any()


@pytest.mark.parametrize(
    ("points", "thickness"),
    [
        ([(220, 30), (220, 70)], 40),
        ([(220, 50), (220, 60)], 3),
        ([(200, 75), (230, 25), (260, 75), (290, 25), (320, 75)], 5),
    ],
    ids=["a filled patch", "a speck", "a scribble"],
)
def test_pale_marks_unlike_digits_are_left_out(points: list[tuple[int, int]], thickness: int) -> None:
    difference, _ = page((0, 0, 0), (0, 0, 0), digits="23")
    wide = np.pad(difference, ((0, 0), (0, 200), (0, 0)))
    cv2.polylines(wide, [np.array(points, np.int32)], False, (-0.15, -0.15, -0.15), thickness)
    assert not pale_ink(wide).any()


def test_a_pale_1_is_filled_and_found_all_the_same() -> None:
    difference, _ = page((0, 0, 0), (0, 0, 0), (1, 1, 1), digits="238")
    cv2.line(difference, (205, 20), (205, 79), (-0.2, -0.2, -0.2), 7)
    found = pale_ink(difference)
    assert (found[25:75, 204:207] > 0.5).all()
    assert not found[:, :190].any()


def test_a_crowd_of_pale_marks_is_the_grain_of_the_paper() -> None:
    difference, _ = page((0, 0, 0), (0, 0, 0), digits="23")
    grain = np.zeros((500, 900, 3), np.float32)
    grain[: len(difference), : difference.shape[1]] = difference
    for top in range(120, 440, 80):
        for left in range(10, 880, 40):
            cv2.line(grain, (left, top), (left, top + 50), (-0.1, -0.1, -0.1), 5)
    assert not pale_ink(grain).any()
    assert pale_ink(np.ascontiguousarray(grain[:200])).any()
