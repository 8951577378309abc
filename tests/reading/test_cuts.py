import numpy as np
import pytest

from mnistcnn.reading.cuts import PARAMS, Cut, between, find_cuts
from mnistcnn.reading.marks import Mark
from tests.writing import digit_ink


def touching(left: int, right: int, overlap: int = 2, height: int = 40) -> tuple[Mark, np.ndarray]:
    """Two digits pushed together, and the ink of the left one alone."""
    inks = digit_ink(left, height), digit_ink(right, height)
    meet = inks[0].shape[1] - overlap
    ink = np.zeros((height, meet + inks[1].shape[1]), np.float32)
    ink[:, : inks[0].shape[1]] = inks[0]
    alone = ink.copy()
    ink[:, meet:] = np.maximum(ink[:, meet:], inks[1])
    return Mark(7, 11, ink), alone


def leaning() -> tuple[Mark, np.ndarray]:
    """Two strokes, each leaning by half its height, that a short bridge holds together; and the left one alone."""
    ink = np.zeros((40, 40), np.float32)
    for row in range(40):
        for left in (0, 12):
            column = left + round((39 - row) / 2)
            ink[row, column : column + 6] = 1
    alone = ink.copy()
    for row in range(40):
        alone[row, 6 + round((39 - row) / 2) :] = 0
    ink[18:22, 16:24] = 1
    return Mark(7, 11, ink), alone


def bars() -> Mark:
    """Two upright bars that a thin bridge holds together."""
    ink = np.zeros((40, 30), np.float32)
    ink[:, 2:8] = ink[:, 22:28] = 1
    ink[20:22, 8:22] = 1
    return Mark(7, 11, ink)


def misplaced(mark: Mark, cut: Cut, alone: np.ndarray) -> float:
    """Measure the share of ink that a cut puts on the wrong side, in terms of the left digit's ink."""
    left = np.arange(mark.width) < cut.edge[:, None]
    return float((np.where(left, mark.ink - alone, alone)).sum() / alone.sum())


def whole(mark: Mark, parts: list[Mark]) -> np.ndarray:
    """The ink of parts in the place of the mark that they come from; no pixel may be in two of them."""
    ink = np.zeros_like(mark.ink)
    for part in parts:
        top, left = part.top - mark.top, part.left - mark.left
        place = ink[top : top + part.height, left : left + part.width]
        assert not (place * part.ink).any()
        place += part.ink
    return ink


def test_touching_bars_are_cut_between() -> None:
    middle = min(find_cuts(bars(), 40.0), key=lambda cut: cut.cost)
    assert middle.edge.min() >= 8 and middle.edge.max() <= 22
    assert 0 < middle.cost < 0.8  # much less than a stroke


@pytest.mark.parametrize(("left", "right"), [(0, 0), (3, 5), (6, 7), (9, 2)])
def test_touching_digits_may_be_cut_where_they_meet(left: int, right: int) -> None:
    mark, alone = touching(left, right)
    assert min(misplaced(mark, cut, alone) for cut in find_cuts(mark, 40.0)) < 0.12


def test_digits_that_lean_are_cut_along_their_slant() -> None:
    mark, alone = leaning()
    assert min(misplaced(mark, cut, alone) for cut in find_cuts(mark, 40.0)) < 0.1


@pytest.mark.parametrize("height", [15, 40, 90])
def test_what_lies_on_the_two_sides_of_a_cut_adds_up_to_the_whole(height: int) -> None:
    mark, _ = touching(8, 3, height=height)
    cuts = find_cuts(mark, float(height))
    assert 2 <= len(cuts) <= 1 + round(PARAMS.most_per_height * mark.width / height)
    strong = mark.ink > 0.4
    for cut in cuts:
        assert cut.edge.shape == (mark.height,)
        left, right = between(mark, None, cut), between(mark, cut, None)
        assert left and right
        assert np.array_equal(whole(mark, [left, right])[strong], mark.ink[strong])


def test_cuts_go_from_left_to_right_and_leave_different_ink() -> None:
    mark, _ = touching(4, 0)
    cuts = find_cuts(mark, 40.0)
    lefts = [part.ink.sum() for cut in cuts if (part := between(mark, None, cut))]
    assert len(lefts) == len(cuts) >= 3
    assert lefts == sorted(lefts)
    for i, cut in enumerate(cuts):
        for other in cuts[:i]:
            moved = (np.arange(mark.width) < cut.edge[:, None]) ^ (np.arange(mark.width) < other.edge[:, None])
            assert mark.ink[moved].sum() > 0.03 * mark.ink.sum()


def test_between_no_cuts_lies_all_of_the_mark_and_nothing_between_a_cut_and_itself() -> None:
    mark = bars()
    cut = find_cuts(mark, 40.0)[0]
    assert between(mark, None, None) is mark
    assert between(mark, cut, cut) is None


def test_a_wider_mark_has_more_cuts_but_not_without_end() -> None:
    digit = digit_ink(8)
    counts = [len(find_cuts(Mark(0, 0, np.tile(digit, (1, n))), 40.0)) for n in (1, 2, 4, 8)]
    assert counts == sorted(counts)
    assert counts[-1] <= 1 + PARAMS.most_per_height * 8 * digit.shape[1] / 40


@pytest.mark.parametrize("shape", [(40, 900), (900, 40)])
def test_what_is_far_too_large_is_left_alone(shape: tuple[int, int]) -> None:
    assert find_cuts(Mark(0, 0, np.ones(shape, np.float32)), 40.0) == []
