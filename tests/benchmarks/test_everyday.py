"""The kinds of everyday images: each shows its text."""

import io
import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from benchmarks.everyday import MARKED, NUMBERS, SINGLES, Placed, row_of, text_of, together
from benchmarks.hands import Hand, Labelled
from benchmarks.samples import RENDERED, generator, rendered
from benchmarks.signs import SIGNS, sign

HAND = Hand(pen=0.08, slant=0.1, aspect=1.0)


@pytest.fixture(scope="module")
def pool() -> list[Labelled]:
    """Digits of plain strokes in MNIST's frame: one of each, a little varied."""
    digits = []
    shapes = {
        0: [[(9, 5), (18, 5), (18, 22), (9, 22), (9, 5)]],
        1: [[(14, 5), (13, 22)]],
        2: [[(8, 6), (18, 6), (18, 13), (8, 21), (19, 21)]],
        3: [[(8, 5), (18, 5), (13, 13), (18, 17), (8, 22)]],
        4: [[(9, 5), (9, 14), (19, 14)], [(17, 5), (17, 22)]],
        5: [[(18, 5), (9, 5), (9, 13), (18, 14), (18, 22), (8, 22)]],
        6: [[(16, 5), (9, 14), (9, 22), (18, 22), (18, 14), (9, 14)]],
        7: [[(8, 5), (19, 5), (12, 22)]],
        8: [[(10, 5), (18, 5), (10, 13), (10, 22), (18, 22), (18, 13), (10, 13), (10, 5)]],
        9: [[(17, 13), (9, 13), (9, 5), (17, 5), (17, 22)]],
    }
    for label, lines in shapes.items():
        image = np.zeros((28, 28), np.uint8)
        for line in lines:
            cv2.polylines(image, [np.array(line, np.int32)], False, 255, 2)
        digits.append((image, label))
    return digits


ALL = [(part, kind) for part in ("everyday singles", "everyday numbers", "marked numbers") for kind in RENDERED[part]]


@pytest.mark.parametrize(("part", "kind"), ALL, ids=[f"{part}: {kind}" for part, kind in ALL])
def test_each_kind_gives_the_same_picture_for_the_same_seed(pool: list[Labelled], part: str, kind: str) -> None:
    one, again = (rendered(part, kind, 3, 0, pool) for _ in range(2))
    assert one == again
    assert isinstance(one.content, bytes)
    seen = np.asarray(Image.open(io.BytesIO(one.content)).convert("L"), int)
    assert seen.max() - seen.min() > 20
    assert one.digits
    assert len(one.text) == 1 or part != "everyday singles"


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("dates with slashes", r"\d\d/\d\d/(\d\d){1,2}"),
        ("decimals", r"\d+[.,]\d+"),
        ("times", r"\d\d:\d\d"),
        ("negative numbers", r"-\d+"),
        ("telephone numbers", r"\+49 \d{3} \d+|0\d+[/-]\d+"),
        ("percent, currency", r"\?\d+([.,]\d+)?|\d+([.,]\d+)?\?"),
        ("brackets, sums", r"\?\d+\?|\d+[+-]\d+\?\d+"),
        ("numbers in a row", r"\d+( \d+)+"),
        ("ruled cells", r"\d+( \d+)+"),
    ],
)
def test_texts_of_marked_numbers(pool: list[Labelled], kind: str, pattern: str) -> None:
    for index in range(2):
        assert re.fullmatch(pattern, MARKED[kind](pool, generator(1, kind, index))[2])


def test_signs_that_a_reader_keeps_stay_in_the_text_and_others_are_question_marks() -> None:
    assert text_of("+49 1/2-3.4,5:6") == "+49 1/2-3.4,5:6"
    assert text_of("(1)%€$=2") == "?1?????2"


def box(character: str, seed: int) -> tuple[float, float, float]:
    """Width, height and reach below the baseline of a sign, in heights of a digit."""
    ink, below = sign(character, HAND, 100, np.random.default_rng(seed))
    return ink.shape[1] / 100, len(ink) / 100, below / 100


@pytest.mark.parametrize("seed", range(5))
def test_signs_have_their_places_and_sizes(seed: int) -> None:
    width, height, below = box(".", seed)
    assert max(width, height) < 0.3
    assert abs(below) < 0.15
    width, height, below = box("-", seed)
    assert width > 2 * height
    assert -0.6 < below < -0.2
    _, height, below = box("/", seed)
    assert height > 0.9
    assert below > -0.1
    assert box(",", seed)[2] > 0.03
    assert box("(", seed)[1] > 1.1


@pytest.mark.parametrize("character", SIGNS)
def test_a_sign_is_drawn_with_the_pen_of_its_hand(character: str) -> None:
    thin, _ = sign(character, replace(HAND, pen=0.04), 200, np.random.default_rng(1))
    thick, _ = sign(character, replace(HAND, pen=0.12), 200, np.random.default_rng(1))
    assert thick.sum() > 1.8 * thin.sum()


def test_a_space_is_more_than_a_digit_wide(pool: list[Labelled]) -> None:
    placed = row_of("12 34", pool, HAND, 100, np.random.default_rng(2))
    ends = [each.left + each.ink.shape[1] for each in placed]
    gaps = [after.left - end for after, end in zip(placed[1:], ends, strict=False)]
    assert gaps[1] > 90
    assert max(gaps[0], gaps[2]) < 50


def test_what_is_put_together_keeps_its_place() -> None:
    ink = np.ones((2, 3), np.float32)
    canvas = together([Placed(ink=ink, left=5, top=-1), Placed(ink=ink, left=-2, top=4)])
    assert canvas.shape == (7, 10)
    assert canvas.sum() == 12
    assert canvas[0, 7:].all()
    assert canvas[5:, :3].all()


def test_two_inks_are_on_one_page(pool: list[Labelled]) -> None:
    for index in range(3):
        content, _, text = NUMBERS["black and yellow"](pool, generator(1, "k", index))
        colours = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"), int)
        assert (colours.max(axis=2) < 60).any()
        assert (colours[:, :, 0] - colours[:, :, 2] > 60).any()
        assert len(text) >= 3


def test_a_digit_cropped_to_its_ink_reaches_all_edges(pool: list[Labelled]) -> None:
    for index in range(6):
        content, _, _ = SINGLES["cropped to the ink"](pool, generator(1, "k", index))
        grey = np.asarray(Image.open(io.BytesIO(content)).convert("L"), int)
        assert min(np.ptp(grey[:2]), np.ptp(grey[-2:]), np.ptp(grey[:, :2]), np.ptp(grey[:, -2:])) > 100
