import numpy as np
import pytest

from mnistcnn.numbers.cuts import cut
from mnistcnn.numbers.marks import Mark
from tests.writing import digit_ink


def touching(left: int, right: int, overlap: int = 2, height: int = 40) -> tuple[Mark, int]:
    """Two digits pushed together, and the column where they meet."""
    inks = digit_ink(left, height), digit_ink(right, height)
    meet = inks[0].shape[1] - overlap
    ink = np.zeros((height, meet + inks[1].shape[1]), np.float32)
    ink[:, : inks[0].shape[1]] = inks[0]
    ink[:, meet:] = np.maximum(ink[:, meet:], inks[1])
    return Mark(7, 11, ink), 11 + meet


def bars() -> Mark:
    """Two upright bars that a thin bridge holds together."""
    ink = np.zeros((40, 30), np.float32)
    ink[:, 2:8] = ink[:, 22:28] = 1
    ink[20:22, 8:22] = 1
    return Mark(7, 11, ink)


def test_touching_bars_are_cut_between() -> None:
    pieces = cut(bars(), 40.0)
    ends = [piece.right for piece, _ in pieces[:-1]]
    assert any(19 <= end <= 33 for end in ends)
    assert pieces[0][1] == 0.0  # nothing was cut left of the first
    cost = pieces[1][1]
    assert 0 < cost < 0.8  # much less than a stroke


@pytest.mark.parametrize(("left", "right"), [(0, 0), (3, 5), (6, 7), (9, 2)])
def test_touching_digits_may_be_cut_where_they_meet(left: int, right: int) -> None:
    mark, meet = touching(left, right)
    pieces = cut(mark, 40.0)
    assert min(abs(piece.left - meet) for piece, _ in pieces[1:]) <= 6


@pytest.mark.parametrize("height", [15, 40, 90])
def test_pieces_add_up_to_the_whole_and_go_from_left_to_right(height: int) -> None:
    mark, _ = touching(8, 3, height=height)
    pieces = [piece for piece, _ in cut(mark, float(height))]
    assert 2 <= len(pieces) <= 12
    whole = np.zeros_like(mark.ink)
    for piece in pieces:
        rows = slice(piece.top - mark.top, piece.bottom - mark.top)
        columns = slice(piece.left - mark.left, piece.right - mark.left)
        assert not (whole[rows, columns] * piece.ink).any()  # no pixel twice
        whole[rows, columns] += piece.ink
    strong = mark.ink > 0.4
    assert np.array_equal(whole[strong], mark.ink[strong])
    assert pieces[0].left == min(piece.left for piece in pieces)
    assert pieces[-1].right == max(piece.right for piece in pieces)


def test_a_wider_mark_falls_into_more_pieces_but_not_without_end() -> None:
    digit = digit_ink(8)
    counts = [len(cut(Mark(0, 0, np.tile(digit, (1, n))), 40.0)) for n in (1, 2, 4, 8)]
    assert counts == sorted(counts)
    width = 8 * digit.shape[1]
    assert counts[-1] <= 2 + 6 * width / 40


@pytest.mark.parametrize("shape", [(40, 900), (900, 40)])
def test_what_is_far_too_large_is_left_alone(shape: tuple[int, int]) -> None:
    mark = Mark(0, 0, np.ones(shape, np.float32))
    assert cut(mark, 40.0) == [(mark, 0.0)]


def test_next_to_nothing_is_one_piece() -> None:
    ((piece, cost),) = cut(Mark(5, 6, np.ones((1, 1), np.float32)), 40.0)
    assert (piece.top, piece.left, piece.ink.tolist(), cost) == (5, 6, [[1.0]], 0.0)
