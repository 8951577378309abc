import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnistcnn.reading import path as paths
from mnistcnn.reading.lattice import Lattice, Segment
from mnistcnn.reading.path import best_path
from tests.reading.test_lattice import bar


def segment(first: int, last: int, narrow: float = 0.0, joins: float = 0.0) -> Segment:
    return Segment(
        first=first,
        last=last,
        mark=bar(10 * first),
        height=40.0,
        stretch=1.0,
        cuts=1.0,
        narrow=narrow,
        joins=joins,
        size=0.0,
    )


def best(lattice: Lattice, likely: Sequence[float], digits: Sequence[int] | None = None) -> list[int]:
    return best_path(lattice, np.array(likely), digits or [0] * len(likely))[0]


@st.composite
def lattices(draw: st.DrawFn) -> tuple[Lattice, list[float], list[int]]:
    count = draw(st.integers(1, 6))
    heights = draw(st.lists(st.sampled_from([4, 10, 40]), min_size=count, max_size=count))
    pieces = [bar(10 * i, 8, height) for i, height in enumerate(heights)]
    all_spans = [(first, last) for first in range(count) for last in range(first + 1, count + 1)]
    chosen = [(i, i + 1) for i in range(count)] + draw(st.lists(st.sampled_from(all_spans), max_size=10))
    segments = [segment(*span, narrow=draw(st.floats(0, 1)), joins=draw(st.floats(0, 3))) for span in chosen]
    values = draw(st.lists(st.floats(-30, 0), min_size=len(segments), max_size=len(segments)))
    digits = draw(st.lists(st.integers(0, 2), min_size=len(segments), max_size=len(segments)))
    return Lattice(pieces, segments, 40.0), values, digits


def skip_cost(lattice: Lattice, i: int) -> float:
    """Find the cost of skipping a piece from the path through that piece alone."""
    alone = Lattice([lattice.pieces[i]], [], lattice.height)
    return -best_path(alone, np.zeros(0), [])[1]


def all_paths(lattice: Lattice, values: Sequence[float], at: int = 0) -> list[tuple[float, list[int]]]:
    if at == len(lattice.pieces):
        return [(0.0, [])]
    found = [(rest - skip_cost(lattice, at), path) for rest, path in all_paths(lattice, values, at + 1)]
    for i, one in enumerate(lattice.segments):
        if one.first == at:
            gain = max(values[i], -12.0) - one.cost
            found += [(rest + gain, [i, *path]) for rest, path in all_paths(lattice, values, one.last)]
    return found


@given(lattices())
def test_the_best_path_is_the_best_of_those_of_the_likeliest_reading(
    given_: tuple[Lattice, list[float], list[int]],
) -> None:
    lattice, values, digits = given_
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "PARAMS", replace(paths.PARAMS, most_readings=10**6))
        chosen, value = best_path(lattice, np.array(values), digits)
    readings = defaultdict(list)
    for total, path in all_paths(lattice, values):
        readings[tuple(digits[i] for i in path)].append(total)
    sharp = paths.PARAMS.best_path_times
    together = {
        read: max(of) + math.log(sum(math.exp(sharp * (one - max(of))) for one in of)) / sharp
        for read, of in readings.items()
    }
    read = tuple(digits[i] for i in chosen)
    assert together[read] == pytest.approx(max(together.values()))
    assert value == pytest.approx(max(readings[read]))
    for one, following in pairwise(lattice.segments[i] for i in chosen):
        assert one.last <= following.first


def test_what_many_paths_read_counts_for_more_than_what_one_does() -> None:
    segments = [segment(0, 2), *(segment(0, 1) for _ in range(4)), segment(1, 2)]
    lattice = Lattice([bar(0), bar(10)], segments, 40.0)
    likely, digits = [-0.3, -0.2, -0.2, -0.2, -0.2, -0.1], [8, 3, 3, 3, 3, 1]
    assert best(lattice, likely, digits) == [1, 5]
    assert best(lattice, likely, [8, 3, 4, 5, 6, 1]) == [0]  # as likely, but not alike


def test_of_many_readings_only_the_likeliest_are_followed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = Mock(wraps=paths._Way)
    monkeypatch.setattr(paths, "_Way", steps)
    count, digits = 5, list(range(10))
    segments = [segment(i, i + 1) for i in range(count) for _ in digits]
    lattice = Lattice([bar(10 * i) for i in range(count)], segments, 40.0)
    likely = [-0.1 if digit == 7 else -0.5 for _ in range(count) for digit in digits]
    assert best(lattice, likely, digits * count) == [10 * i + 7 for i in range(count)]
    assert steps.call_count < 1_000  # of a hundred thousand


def test_small_pieces_may_be_left_out_and_large_ones_only_at_a_high_price() -> None:
    pieces = [bar(0), bar(20, 14, 14), bar(40)]
    lattice = Lattice(pieces, [segment(i, i + 1) for i in range(3)], 40.0)
    assert best(lattice, [-0.1, -9.0, -0.1]) == [0, 2]
    assert best(lattice, [-9.0, -0.1, -0.1]) == [0, 1, 2]


def test_unlikely_digits_are_cut_unless_they_are_as_narrow_as_one() -> None:
    for narrow, path in ((0.0, [0, 1]), (1.0, [2])):
        segments = [*(segment(i, i + 1, narrow=narrow) for i in range(2)), segment(0, 2)]
        lattice = Lattice([bar(0), bar(10)], segments, 40.0)
        assert best(lattice, [-0.1, -0.1, -0.9]) == path


def test_the_more_digits_explain_the_same_ink_the_better_they_must() -> None:
    lattice = Lattice([bar(0), bar(10)], [segment(0, 1), segment(1, 2), segment(0, 2)], 40.0)
    assert best(lattice, [-0.1, -0.1, -0.22]) == [2]
    assert best(lattice, [-0.1, -0.1, -6.0]) == [0, 1]


def test_a_row_without_pieces_has_an_empty_path() -> None:
    assert best_path(Lattice([], [], 40.0), np.zeros(0), []) == ([], 0.0)


def test_a_pale_piece_is_left_out_unless_it_is_likely_a_digit() -> None:
    first, last = bar(0), bar(30)
    for pale, likely, read in ((False, -2.0, [0, 1]), (True, -2.0, [0]), (True, -0.2, [0, 1])):
        pieces = [first, replace(last, pale=pale)]
        segments = [replace(segment(i, i + 1), mark=piece) for i, piece in enumerate(pieces)]
        assert best(Lattice(pieces, segments, 40.0), [-0.1, likely], [2, 3]) == read
