from dataclasses import replace

import numpy as np
import pytest

from mnistcnn.reading.lattice import Lattice, Segment, build_lattice, separation
from mnistcnn.reading.marks import Mark
from mnistcnn.reading.rows import Row
from tests.writing import digit_ink


def bar(left: int, width: int = 8, height: int = 40, top: int = 0) -> Mark:
    return Mark(top, left, np.ones((height, width), np.float32))


def number(text: str, gap: int = 10, narrow: float = 1.0) -> Row:
    """A row of digits with gaps between them."""
    left, marks = 0, []
    for character in text:
        ink = digit_ink(int(character))
        if narrow < 1:
            ink = ink[:, np.linspace(0, ink.shape[1] - 1, round(narrow * ink.shape[1])).astype(int)]
        marks.append(Mark(0, left, ink))
        left += ink.shape[1] + gap
    return Row(40.0, marks)


def touching(text: str) -> Row:
    marks = number(text, gap=-2).marks
    ink = np.zeros((40, marks[-1].right), np.float32)
    for mark in marks:
        part = ink[:, mark.left : mark.right]
        np.maximum(part, mark.ink, out=part)
    return Row(40.0, [Mark(0, 0, ink)])


def bridged(width: int) -> Mark:
    """Two bars, the outer edges of which are `width` pixels apart, and a line that joins them."""
    ink = np.zeros((40, width), np.float32)
    ink[:, :6] = ink[:, -6:] = 1
    ink[18:22] = 1
    return Mark(0, 0, ink)


def spans(lattice: Lattice) -> set[tuple[int, int]]:
    return {(segment.first, segment.last) for segment in lattice.segments}


def test_every_mark_may_be_a_digit_and_far_ones_never_one_together() -> None:
    lattice = build_lattice(number("2358", gap=20))
    assert len(lattice.pieces) == 4
    assert spans(lattice) == {(0, 1), (1, 2), (2, 3), (3, 4)}


def test_strokes_beside_each_other_may_be_one_digit_at_a_cost() -> None:
    lattice = build_lattice(Row(40.0, [bar(0), bar(14), bar(60)]))
    assert spans(lattice) == {(0, 1), (1, 2), (2, 3), (0, 2)}
    both = next(one for one in lattice.segments if one.last - one.first == 2)
    assert both.joins >= 1
    assert both.cost > lattice.segments[0].cost


def test_strokes_over_each_other_are_joined_for_nothing() -> None:
    over = [bar(0, 20, 10, 0), bar(2, 16, 26, 14)]
    lattice = build_lattice(Row(40.0, over))
    whole = next(one for one in lattice.segments if one.last - one.first == 2)
    assert whole.joins == 0
    assert separation(over) < 0.2
    assert separation([bar(0), bar(20)]) >= 1


def test_marks_are_cut_only_where_they_are_not_whole() -> None:
    row = touching("35")
    whole, cut = build_lattice(row, [True]), build_lattice(row, [False])
    assert len(whole.pieces) == 1 and whole.segments[0].cuts == 0
    assert len(cut.pieces) > 1
    assert all(one.cuts > 0 for one in cut.segments)  # all of it is too wide for one digit


def test_a_mark_that_is_cut_is_a_candidate_whole_however_many_its_pieces() -> None:
    row = Row(40.0, [Mark(0, 0, digit_ink(8, 60))])
    lattice = build_lattice(row, [False])
    assert (0, len(lattice.pieces)) in spans(lattice)


def test_next_to_nothing_is_one_piece() -> None:
    lattice = build_lattice(Row(40.0, [Mark(5, 6, np.ones((20, 1), np.float32))]), [False])
    assert [piece.ink.shape for piece in lattice.pieces] == [(20, 1)]


def test_cutting_a_mark_as_narrow_as_one_digit_costs_more() -> None:
    narrow, broad = (
        min((one for one in build_lattice(Row(40.0, [mark]), [False]).segments if one.cuts), key=lambda one: one.cuts)
        for mark in (bridged(28), bridged(52))
    )
    assert narrow.cuts > broad.cuts + 1
    assert narrow.narrow == 0.5  # one of its two sides
    assert broad.narrow == 0
    assert narrow.cost > replace(narrow, narrow=0.0).cost + 0.5


def test_segments_stay_few_on_long_rows() -> None:
    few, many = (build_lattice(touching("38" * n), [False]) for n in (4, 8))
    assert len(many.segments) < 2.5 * len(few.segments)
    assert max(one.mark.width for one in many.segments) <= 1.3 * 40 + 40


def test_frames_of_narrow_hands_are_stretched_and_others_are_not() -> None:
    usual, narrow = (build_lattice(number("23568", narrow=n)) for n in (1.0, 0.6))
    assert narrow.segments[0].stretch > usual.segments[0].stretch
    assert 1.0 <= usual.segments[0].stretch <= narrow.segments[0].stretch <= 1.5

    def width(lattice: Lattice) -> int:
        return int(np.ptp(np.nonzero(lattice.segments[1].frame)[1]))

    assert abs(width(narrow) - width(usual)) <= 3
    few = build_lattice(number("23", narrow=0.6))
    assert few.segments[0].stretch == 1.0  # too few to tell


def test_frames_are_as_the_network_wants_them() -> None:
    for one in build_lattice(touching("358"), [False]).segments:
        frame = one.frame
        assert frame.shape == (28, 28) and frame.dtype == np.uint8 and frame.max() == 255


def test_long_tails_are_shortened() -> None:
    nine = np.zeros((90, 30), np.float32)
    nine[:30] = digit_ink(0, 30)[:, :30] if digit_ink(0, 30).shape[1] >= 30 else 1
    nine[30:, 24:28] = 1
    long = Segment(
        first=0,
        last=1,
        mark=Mark(0, 0, nine),
        height=40.0,
        stretch=1.0,
        cuts=0.0,
        narrow=0.0,
        joins=0.0,
        size=0.0,
    )
    short = replace(long, height=90.0)

    def head(frame: np.ndarray) -> int:
        return int(((frame > 100).sum(axis=1) > 5).sum())

    assert head(long.frame) > head(short.frame)


@pytest.mark.parametrize(
    ("height", "worse"), [(40, False), (30, False), (12, True), (110, True)], ids=["row", "less", "small", "tall"]
)
def test_digits_of_one_row_are_alike_in_size(height: int, worse: bool) -> None:
    lattice = build_lattice(Row(40.0, [bar(0, 20), bar(60, 20, height)]))
    first, second = lattice.segments
    assert (second.cost > first.cost) == worse


def test_what_is_far_too_small_for_its_row_is_no_digit() -> None:
    lattice = build_lattice(Row(40.0, [bar(0, 20), bar(60, 6, 6)]))
    assert (len(lattice.pieces), spans(lattice)) == (2, {(0, 1)})
