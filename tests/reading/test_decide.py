from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from mnistcnn.checkpoints.checkpoint import Checkpoint
from mnistcnn.reading.decide import doubted_digits, evidence, interpret, number_wins, plausible
from mnistcnn.reading.lattice import Segment
from mnistcnn.reading.marks import Mark
from mnistcnn.reading.prediction import predict
from mnistcnn.reading.scores import RowReading, Scores
from mnistcnn.reading.whole import Whole


def scores(digits: Sequence[int], log_odds: Sequence[float]) -> Scores:
    probabilities = np.full((len(digits), 10), 0.01 / 9)
    probabilities[np.arange(len(digits)), digits] = 0.99
    odds = np.array(log_odds, np.float64)
    return Scores(probabilities, odds, odds < -1)


def row(text: str, log_odds: Sequence[float], cuts: float = 0.0, height: float = 40, step: int = 50) -> RowReading:
    """A row of digits as it was read, each `step` pixels beside the last."""
    marks = [Mark(0, step * i, np.ones((round(height), 30), np.float32)) for i in range(len(text))]
    segments = [
        Segment(
            first=i,
            last=i + 1,
            mark=mark,
            height=height,
            stretch=1.0,
            cuts=cuts,
            narrow=0.0,
            joins=0.0,
            size=0.0,
        )
        for i, mark in enumerate(marks)
    ]
    read = scores([int(sign) for sign in text], log_odds)
    return RowReading(height, segments, read, float(read.log_probabilities.sum()) - 0.5 * cuts * len(text))


WHOLE = Whole(mark=Mark(0, 0, np.ones((40, 50), np.float32)), alone=True, several=False)
NARROW = Whole(mark=Mark(0, 0, np.ones((40, 30), np.float32)), alone=True, several=False)
DOUBTED, CLEAR = row("8", [-5]), row("8", [6])


def test_three_clear_marks_are_a_number_however_much_like_one_digit_they_look() -> None:
    assert number_wins(WHOLE, CLEAR, [row("235", [1, 1, 1], step=0)])
    assert not number_wins(WHOLE, CLEAR, [row("235", [-2, -2, -2])])


@pytest.mark.parametrize(
    ("text", "log_odds", "wins"),
    [
        ("28", [3, 3], True),
        ("28", [0.5, 0.5], False),
        ("2835", [0.8] * 4, True),  # the more there are, the less clear each need be
        ("2835", [-0.5] * 4, False),
        ("2117", [0.8] * 4, False),  # strokes do not count
        ("17", [3, 3], False),
        ("113", [3, 3, 3], True),
        ("111", [6, 6, 6], False),  # nothing but strokes
    ],
)
def test_digits_that_all_touch_must_be_clear_and_more_than_strokes(
    text: str, log_odds: list[float], wins: bool
) -> None:
    assert number_wins(WHOLE, DOUBTED, [row(text, log_odds, cuts=0.5)]) is wins


def test_of_two_marks_over_each_other_the_better_explanation_wins() -> None:
    assert number_wins(WHOLE, CLEAR, [row("23", [4, 4], step=0)])
    assert not number_wins(WHOLE, CLEAR, [row("23", [1, 1], step=0)])


def test_a_connected_mark_that_is_as_narrow_as_one_digit_is_one() -> None:
    parts = [row("28", [6, 6], cuts=0.5)]
    assert number_wins(WHOLE, DOUBTED, parts)
    assert not number_wins(NARROW, DOUBTED, parts)
    assert number_wins(replace(NARROW, alone=False), DOUBTED, parts)


def test_what_hangs_together_and_is_clear_stays_one_digit() -> None:
    assert not number_wins(WHOLE, CLEAR, [row("28", [1, 1], cuts=0.8, step=20)])
    assert number_wins(WHOLE, DOUBTED, [row("28", [2, 2], cuts=0.8)])


@pytest.mark.parametrize(
    ("log_odds", "cuts", "wins"), [(6, 0.0, True), (6, 0.8, False), (1, 0.0, False)], ids=["part", "cut", "as clear"]
)
def test_a_part_of_the_ink_is_the_digit_where_it_is_clearer_than_all_of_it(
    log_odds: float, cuts: float, wins: bool
) -> None:
    assert number_wins(WHOLE, row("8", [1]), [row("8", [log_odds], cuts=cuts)]) is wins


def test_a_look_is_its_rows_of_digits_or_one_digit() -> None:
    clear, unlikely = row("2358", [4] * 4), row("467", [-3] * 3)

    def read(whole: Whole | None, one: RowReading | None, *rows: RowReading) -> list[list[int]]:
        return [each.scores.digits for each in interpret(whole, one, rows)]

    assert read(WHOLE, CLEAR, clear, unlikely) == [[2, 3, 5, 8]]
    assert read(WHOLE, CLEAR, row("28", [1, 1], cuts=0.8, step=20)) == [[8]]
    assert read(WHOLE, DOUBTED, unlikely) == [[8]]
    assert read(WHOLE, CLEAR) == [[8]]
    assert read(None, None, clear, unlikely) == [[2, 3, 5, 8]]
    assert read(None, None, unlikely) == []


def test_more_clear_digits_are_more_evidence_and_what_is_none_is_evidence_against() -> None:
    (one, two, unclear, none) = (
        evidence([row(text, [*odds])]) for text, odds in (("2", [6]), ("23", [6, 6]), ("2", [0]), ("2", [-6]))
    )
    assert one == pytest.approx(1.35, abs=0.1)
    assert two == pytest.approx(2 * one)
    assert none < 0 < unclear < one
    assert evidence([row("2", [6]), row("35", [6, 6])]) == pytest.approx(3 * one)
    assert evidence([]) == 0


def test_a_digit_that_was_cut_out_of_a_mark_is_less_evidence() -> None:
    whole, cut = row("23", [6, 6]), row("23", [6, 6], cuts=1.0)
    assert evidence([replace(cut, value=whole.value)]) < 0.6 * evidence([whole])


def test_rows_that_are_no_digits_are_left_out() -> None:
    long, unlikely, short, tall = (
        row("2358", [4, 4, 4, 4]),
        row("467", [-3, -3, -3]),
        row("6", [4]),
        row("6", [4], height=100),
    )
    kept = plausible([long, unlikely, short, tall])
    assert [(each.height, len(each.segments)) for each in kept] == [(40, 4), (40, 1)]


def test_a_row_as_tall_as_clear_digits_is_not_left_out_if_it_is_hard_to_read() -> None:
    def kept(*rows: RowReading) -> list[int]:
        return [len(each.segments) for each in plausible(rows)]

    clear, hard = row("2358", [4] * 4), row("67", [4, -4])
    assert kept(clear, hard) == [4, 2]
    assert kept(clear, row("6", [-4])) == [4]
    assert kept(clear, row("67", [4, -7], height=60)) == [4]
    assert kept(row("2358", [-3] * 4), row("67", [4, -9])) == []


@pytest.mark.parametrize(("side", "log_odds", "count"), [(12, -4, 3), (18, -4, 3), (26, -4, 4), (12, 4, 4)])
def test_only_small_doubted_marks_are_dirt(side: int, log_odds: float, count: int) -> None:
    whole = row("2350", [4, 4, 4, log_odds])
    last = replace(whole.segments[3], mark=Mark(20, 150, np.ones((side, side), np.float32)))
    (kept,) = plausible([replace(whole, segments=[*whole.segments[:3], last])])
    assert len(kept.segments) == len(kept.scores.probabilities) == count


@pytest.mark.parametrize(
    "letter",
    [
        [[(30, 20), (65, 120), (100, 20)]],
        [[(30, 20), (30, 100), (45, 120), (80, 120), (95, 100), (95, 20)]],
        [[(30, 50), (30, 120)], [(30, 70), (60, 50), (80, 65), (80, 120)]],
    ],
    ids="VUn",
)
def test_the_strokes_of_a_letter_are_no_touching_1s_and_7s(
    packaged: Checkpoint, letter: list[list[tuple[int, int]]]
) -> None:
    picture = np.full((140, 130), 245, np.uint8)
    for stroke in letter:
        cv2.polylines(picture, [np.array(stroke, np.int32)], False, 20, 9, cv2.LINE_AA)
    (read,) = predict(Image.fromarray(picture), packaged, device="cpu")
    assert read.digits and all(digit.doubted for digit in read.digits)


@pytest.mark.parametrize(
    ("alone", "touching", "doubted"),
    [
        ([6, 6], [-4, 6, -4], [False, False, True, False, True]),
        ([6, 6], [6, 6, 6], [False] * 5),
        ([-4, -4], [-4, 6, -4], [True, True, True, False, True]),  # as in a word
        ([6, -4], [6, 6, 6], [False] * 5),
        ([], [-4, 6, -4], [True] * 3),
        ([], [6, 6, 6], [False] * 3),
    ],
    ids=[
        "what touches is unlikely",
        "clear",
        "all are unlikely",
        "only one is unlikely",
        "all touch",
        "and are clear",
    ],
)
def test_what_is_unlikely_is_doubted_where_most_is_and_all_of_what_touches(
    alone: list[float], touching: list[float], doubted: list[bool]
) -> None:
    text = "12345"[-len(alone + touching) :]
    read = row(text, [*alone, *touching])
    segments = [replace(segment, cuts=0.5 * (i >= len(alone))) for i, segment in enumerate(read.segments)]
    clear = replace(read.scores, doubted=np.zeros(len(text), bool))  # to the detector alone
    made = replace(read, segments=segments, scores=clear)
    assert doubted_digits(made, [made]).tolist() == doubted
    assert not doubted_digits(made, [made, row("2358902358", [9] * 10)]).any()  # the others are clear
    odd = replace(made, scores=replace(clear, doubted=np.arange(len(text)) == 1))
    assert doubted_digits(odd, [odd]).tolist()[1]


def edge_row(text: str, log_odds: list[float], cut_off: int) -> RowReading:
    """A row whose mark number `cut_off` reaches the edge of the page."""
    made = row(text, log_odds)
    segments = list(made.segments)
    segments[cut_off] = replace(segments[cut_off], mark=replace(segments[cut_off].mark, cut_off=True))
    return replace(made, segments=segments)


@pytest.mark.parametrize(("odds", "read"), [(-3.0, "550"), (3.0, "9550")])
def test_a_doubted_mark_at_the_edge_of_the_page_is_left_out(odds: float, read: str) -> None:
    (kept,) = plausible([edge_row("9550", [odds, 4, 4, 4], cut_off=0)])
    assert "".join(map(str, kept.scores.digits)) == read
    (inside,) = plausible([row("9550", [odds, 4, 4, 4])])
    assert len(inside.segments) == 4
    (few,) = plausible([edge_row("95", [odds, 4], cut_off=0)])  # it may be what the picture shows
    assert len(few.segments) == 2


@pytest.mark.parametrize(("side", "odds", "count"), [(22, -3.0, 3), (22, -1.0, 4), (30, -3.0, 4)])
def test_a_mark_of_half_the_height_needs_more_than_the_least_odds(side: int, odds: float, count: int) -> None:
    made = row("2358", [4, 4, 4, odds])
    small = replace(made.segments[3], mark=Mark(0, 150, np.ones((side, side), np.float32)))
    scores_ = replace(made.scores, doubted=np.zeros(4, dtype=bool))
    (kept,) = plausible([replace(made, segments=[*made.segments[:3], small], scores=scores_)])
    assert len(kept.segments) == count


def test_a_row_of_mostly_doubted_marks_is_left_out_beside_a_clear_one() -> None:
    clear, unclear = row("235", [4, 4, 4]), row("447102", [3, -2, -2, -2, -2, 3])
    assert [len(each.segments) for each in plausible([clear, unclear])] == [3]
    other = row("25", [4, 4])  # two digits are too few to judge by
    assert [len(each.segments) for each in plausible([other, unclear])] == [2, 6]
