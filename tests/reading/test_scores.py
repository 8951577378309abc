from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from mnistcnn.ink.framing import Frame
from mnistcnn.reading import scores as reading
from mnistcnn.reading.lattice import DIGIT_COST, build_lattice
from mnistcnn.reading.marks import Mark
from mnistcnn.reading.rows import Row
from mnistcnn.reading.scores import RowReading, Scores, read_rows
from tests.reading.test_lattice import number, touching
from tests.writing import digit_ink


class FakeScore:
    """Knows the frames of some digits; it is sure that any other frame is not a digit."""

    def __init__(self, digits: str, likeness: float = 0.9) -> None:
        self.known = {int(d): build_lattice(Row(40.0, [Mark(0, 0, digit_ink(int(d)))])).segments[0] for d in digits}
        self.likeness = likeness
        self.asked: list[int] = []

    def __call__(self, frames: Sequence[Frame]) -> Scores:
        self.asked.append(len(frames))
        probabilities, odds = np.full((len(frames), 10), 0.01), np.full(len(frames), -8.0)
        for i, frame in enumerate(frames):
            for digit, segment in self.known.items():
                if np.corrcoef(frame.ravel(), segment.frame.ravel())[0, 1] > self.likeness:
                    probabilities[i, digit], odds[i] = 0.91, 8.0
        return Scores(probabilities, odds, odds < 0)


def text(row: reading.RowReading) -> str:
    return "".join(map(str, row.scores.probabilities.argmax(axis=1)))


def test_what_is_a_digit_each_is_not_cut_nor_scored_again() -> None:
    score = FakeScore("2358")
    (row,) = read_rows([number("2358", gap=20)], score)
    assert text(row) == "2358"
    assert [segment.cuts for segment in row.segments] == [0.0] * 4
    assert score.asked in ([4], [4, 0])


def test_what_is_no_digit_is_cut_and_scored_a_second_time() -> None:
    score = FakeScore("35", likeness=0.8)
    (row,) = read_rows([touching("35")], score)
    assert text(row) == "35"
    assert all(segment.cuts > 0 for segment in row.segments)
    first, second = score.asked
    assert first == 1 < second


def test_only_the_marks_that_need_it_are_cut() -> None:
    left, right = number("2"), touching("35")
    moved = Mark(0, 80, right.marks[0].ink)
    score = FakeScore("235", likeness=0.8)
    (row,) = read_rows([Row(40.0, [left.marks[0], moved])], score)
    assert text(row) == "235"
    assert [segment.cuts > 0 for segment in row.segments] == [False, True, True]
    pieces = len(build_lattice(Row(40.0, [moved]), [False]).pieces)
    assert row.segments[0].last == 1 and row.segments[-1].last == 1 + pieces


@pytest.mark.parametrize(("heights", "cut"), [(1.2, False), (1.4, True)])
def test_a_mark_that_is_surely_a_digit_is_cut_only_where_it_is_wider_than_any(heights: float, cut: bool) -> None:
    asked: list[int] = []

    def sure(frames: Sequence[Frame]) -> Scores:
        asked.append(len(frames))
        fives = np.tile(0.9 * np.eye(10)[5] + 0.01, (len(frames), 1))
        return Scores(fives, np.full(len(frames), 8.0), np.zeros(len(frames), dtype=bool))

    mark = Mark(0, 0, np.asarray(cv2.resize(digit_ink(5), (round(heights * 40), 40)), dtype=np.float32))
    read_rows([Row(40.0, [mark])], sure)
    assert asked[0] == 1 and (asked[-1] > 1) == cut


def test_a_line_with_too_much_to_cut_is_text_and_left_alone() -> None:
    score = FakeScore("")
    few, many = number("2358" * 2), number("2358" * 7)
    assert all(len(row.segments) == 0 or not row.cuts.any() for row in read_rows([many], score))
    assert len(score.asked) == 1 or score.asked[1] == 0
    read_rows([few], score)
    assert score.asked[-1] > 0


def test_all_rows_are_scored_at_once_and_each_gets_its_own() -> None:
    score = FakeScore("23589")
    rows = read_rows([number("23", gap=20), number("589", gap=20)], score)
    assert [text(row) for row in rows] == ["23", "589"]
    assert score.asked[0] == 5
    assert [len(row.scores.doubted) for row in rows] == [2, 3]
    assert rows[0].height == 40


def test_no_rows_are_no_readings() -> None:
    assert read_rows([], FakeScore("")) == []


def test_the_log_probability_is_of_the_digit_and_of_being_one_at_all() -> None:
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.9, 0.1]])
    scores = Scores(shares, np.array([8.0, 8.0, -8.0]), np.array([False, False, True]))
    sure, unsure, none = scores.log_probabilities
    assert 0 > sure > unsure > none
    assert scores[[2]].doubted.tolist() == [True]
    assert scores[0:2].log_probabilities == pytest.approx([sure, unsure])
    assert Scores(np.zeros((0, 10)), np.zeros(0), np.zeros(0, bool)).log_probabilities.shape == (0,)


def test_in_a_path_it_counts_more_that_a_segment_is_one_digit_than_which_one() -> None:
    scores = Scores(np.array([[0.9, 0.1], [0.4, 0.4]]), np.array([0.5, 3.0]), np.zeros(2, bool))
    assert scores.log_probabilities.argmax() == 0
    assert scores.path_scores.argmax() == 1


def test_a_digit_that_was_cut_apart_is_less_sure_than_one_that_stands_alone() -> None:
    (alone,) = build_lattice(number("2")).segments
    scores = Scores(np.full((2, 10), 0.1), np.full(2, -2.5), np.zeros(2, bool))
    row = RowReading(40.0, [alone, replace(alone, cuts=1.0)], scores, 0.0)
    assert row.confidences == pytest.approx([0.1 / 2, 0.1 / 2 * np.exp(-0.2)])


def test_of_a_segment_the_detector_is_less_sure_in_a_path() -> None:
    def score(frames: Sequence[Frame]) -> Scores:
        return Scores(np.eye(10)[[2] * len(frames)], np.ones(len(frames)), np.zeros(len(frames), bool))

    (row,) = read_rows([number("2")], score)
    assert row.scores.log_probabilities == pytest.approx(-np.log1p(np.exp(-1)))
    assert row.value + DIGIT_COST == pytest.approx(-np.log1p(np.exp(-0.55)))


@pytest.mark.parametrize(("digits", "surer"), [((1, 1), False), ((7, 1), False), ((1, 2), True), ((3, 8), True)])
def test_strokes_alone_are_less_sure_than_digits(digits: tuple[int, int], surer: bool) -> None:
    probabilities = np.full((2, 10), 1e-9)
    probabilities[np.arange(2), digits] = 1.0
    scores = Scores(probabilities, np.array([1.0, 1.0]), np.array([False, False]))
    segments = [build_lattice(Row(40.0, [Mark(0, 0, digit_ink(digit))])).segments[0] for digit in (2, 3)]
    row = RowReading(40.0, segments, scores, 0.0)
    assert bool(row.confidences.min() > 0.9) is surer
