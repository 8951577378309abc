import numpy as np
import pytest
from PIL import Image

from mnistcnn.ink.decoding import open_decoded
from mnistcnn.reading.annotate import annotated
from mnistcnn.reading.results import Candidate, PredictedDigit, Prediction

WHITE = Image.new("L", (300, 200), 255)


def marked(*digits: PredictedDigit, image: Image.Image = WHITE) -> np.ndarray:
    made = Prediction("p", digits=list(digits), text="7")
    return np.asarray(annotated(open_decoded(image, "p"), made)).astype(int)


def digit(box: tuple[int, int, int, int], sure: bool = True) -> PredictedDigit:
    return PredictedDigit(7 if sure else None, 0.9, [Candidate(7, 0.9)], box, 0)


def test_without_digits_nothing_is_drawn() -> None:
    assert (marked() == 255).all()


def test_each_digit_has_its_box_around_it_and_its_name_above() -> None:
    pixels = marked(digit((100, 80, 150, 160)))
    coloured = (pixels != 255).any(axis=2)
    rows, columns = np.nonzero(coloured)
    assert not coloured[80:160, 100:150].any()  # the digit itself can be seen
    assert columns.min() == 99 and rows.max() == 161
    assert coloured[79, 99:152].all() and coloured[79:162, 99].all()
    assert coloured[50:78, 95:200].any()
    assert pixels[79, 120].tolist() == [0, 140, 60]


def test_an_unsure_digit_has_another_colour() -> None:
    assert marked(digit((100, 80, 150, 160), sure=False))[79, 120].tolist() == [210, 60, 0]


@pytest.mark.parametrize("box", [(0, 0, 300, 200), (0, 0, 1, 1), (299, 199, 300, 200)])
def test_boxes_at_the_edge_and_tiny_ones_are_drawn(box: tuple[int, int, int, int]) -> None:
    assert (marked(digit(box)) != 255).any()


def test_large_pictures_are_reduced_and_boxes_with_them() -> None:
    pixels = marked(digit((1600, 800, 2400, 1600)), image=Image.new("L", (3200, 2000), 255))
    assert pixels.shape == (1000, 1600, 3)
    coloured = (pixels != 255).any(axis=2)
    assert not coloured[405:795, 805:1195].any()
    assert coloured[398, 900] and coloured[600, 798]
