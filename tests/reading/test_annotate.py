import numpy as np
import pytest
from PIL import Image

from mnistcnn.ink.decoding import open_decoded
from mnistcnn.reading.annotate import Box, annotated, place_labels
from mnistcnn.reading.results import Candidate, PredictedDigit, Prediction

WHITE = Image.new("L", (300, 200), 255)


def marked(*digits: PredictedDigit, image: Image.Image = WHITE) -> np.ndarray:
    made = Prediction(path="p", digits=list(digits), text="7")
    return np.asarray(annotated(open_decoded(image, "p"), made)).astype(int)


def make_digit(
    digit: int, confidence: float, box: tuple[int, int, int, int] = (0, 0, 0, 0), row: int = 0
) -> PredictedDigit:
    return PredictedDigit(digit=digit, confidence=confidence, top=[Candidate(digit, confidence)], box=box, row=row)


def digit(box: tuple[int, int, int, int], sure: bool = True) -> PredictedDigit:
    return PredictedDigit(digit=7 if sure else None, confidence=0.9, top=[Candidate(7, 0.9)], box=box, row=0)


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


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_labels_never_collide() -> None:
    generator = np.random.default_rng(3)
    for spacing in (8, 20, 45, 80):
        digits, frames = [], []
        for row in range(4):
            for column in range(8):
                left = 10 + spacing * column + generator.uniform(0, 4)
                top = 10 + 1.2 * spacing * row
                frame = (left, top, left + spacing * generator.uniform(0.3, 1.0), top + 1.1 * spacing)
                frames.append(frame)
                confidence = float(generator.uniform(0.5, 1.0))
                digits.append(make_digit(8, confidence, row=row))
        size = (8 * spacing + 30, 5 * spacing + 30)
        labels = [label for label in place_labels(digits, frames, size) if label is not None]
        assert len(labels) > (0 if spacing == 8 else 20)
        for i, label in enumerate(labels):
            left, top, right, bottom = label.box
            assert min(left, top) >= 0 and right <= size[0] and bottom <= size[1]
            assert not any(overlap(label.box, other.box) for other in labels[:i]), spacing


@pytest.mark.parametrize(
    ("confidence", "text"), [(1.0, "7"), (0.99, "7"), (0.9899, "7 98 %"), (0.5, "7 50 %"), (0.0, "7 0 %")]
)
def test_a_confidence_is_written_only_where_it_is_low(confidence: float, text: str) -> None:
    made = make_digit(7, confidence, box=(100, 80, 150, 160))
    (label,) = place_labels([made], [(100, 80, 150, 160)], (300, 200))
    assert label is not None
    assert label.text == text
    assert label.box[3] < 80  # above


def test_a_label_makes_way_for_its_neighbours() -> None:
    """Three digits in a row, close together, of which each would like to say how sure it is."""
    frames: list[Box] = [(100 + 30 * i, 100, 128 + 30 * i, 160) for i in range(3)]
    digits = [make_digit(7, 0.8) for _ in frames]
    labels = place_labels(digits, frames, (300, 300))
    assert [label.text if label else None for label in labels] == ["7 80 %"] * 3
    assert not any(overlap(label.box, frame) for label in labels if label for frame in frames)
