import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnistcnn.ink.components import (
    Mask,
    are_several,
    find_components,
    is_alone,
    select_components,
)


def flood(mask: Mask) -> list[set[tuple[int, int]]]:
    """The slow, obvious way."""
    left = {(int(r), int(c)) for r, c in np.argwhere(mask)}
    parts = []
    while left:
        part, open_ = set(), [left.pop()]
        while open_:
            row, column = open_.pop()
            part.add((row, column))
            near = {(row + dr, column + dc) for dr in (-1, 0, 1) for dc in (-1, 0, 1)} & left
            left -= near
            open_ += near
        parts.append(part)
    return parts


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_parts_are_those_of_a_flood_fill(mask: Mask) -> None:
    found, expected = find_components(mask), flood(mask)
    assert len(found.areas) == len(expected)
    assert np.array_equal(found.labels > 0, mask)
    for part in expected:
        rows, columns = zip(*part, strict=True)
        labels = set(found.labels[list(rows), list(columns)].tolist())
        assert len(labels) == 1
        i = labels.pop() - 1
        assert found.areas[i] == len(part)
        assert (found.left[i], found.top[i]) == (min(columns), min(rows))
        assert found.box(i) == (slice(min(rows), max(rows) + 1), slice(min(columns), max(columns) + 1))
    firsts = [min(part) for part in expected]
    labels_of_firsts = [found.labels[first] for first in sorted(firsts)]
    assert labels_of_firsts == list(range(1, len(expected) + 1)), "numbered in reading order"


def test_chosen_parts_make_a_mask() -> None:
    mask = np.zeros((5, 9), dtype=bool)
    mask[1:4, 1:3] = mask[2, 6] = True
    parts = find_components(mask)
    assert len(parts.areas) == 2
    assert parts.mask(parts.areas == 1).sum() == 1
    assert parts.heights.tolist() == [3, 1]
    assert parts.widths.tolist() == [2, 1]


def test_detached_strokes_are_kept_and_specks_dropped() -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[60:160, 80:95] = True  # a stem
    mask[40:50, 80:140] = True  # a detached bar
    mask[20:22, 20:23] = mask[180:182, 150:152] = True  # specks
    parts = find_components(mask)
    kept = parts.mask(select_components(parts))
    assert kept[45, 100]
    assert kept[100, 90]
    assert not kept[21, 21]
    assert not kept[181, 151]
    assert not are_several(parts, select_components(parts))


def test_a_frame_around_the_picture_is_dropped() -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[:3] = mask[-3:] = mask[:, :3] = mask[:, -3:] = True
    mask[60:160, 90:110] = True
    parts = find_components(mask)
    kept = parts.mask(select_components(parts))
    assert kept[100, 100]
    assert not kept[0, 0]


@pytest.mark.parametrize(
    "around",
    [
        [np.s_[:60, :], np.s_[-60:, :], np.s_[:, :60]],  # broad, along three edges
        [np.s_[:80, :80]],  # a shadow in a corner
        [np.s_[:2, 5:195], np.s_[:60, 20:22]],  # a line along one edge, with a branch
    ],
)
def test_what_lies_around_the_digit_is_dropped(around: list[tuple[slice, slice]]) -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[80:130, 100:110] = True
    digit = mask.copy()
    for place in around:
        mask[place] = True
    parts = find_components(mask)
    assert np.array_equal(parts.mask(select_components(parts)), digit)


@pytest.mark.parametrize(("shadow", "alone"), [(0, True), (21, True), (27, False), (60, False)])
def test_beside_a_shadow_much_larger_than_it_a_digit_may_not_be_alone(shadow: int, alone: bool) -> None:
    mask = np.zeros((200, 200), dtype=bool)
    mask[120:170, 120:130] = True
    mask[:shadow, : 2 * shadow] = True
    parts = find_components(mask)
    chosen = select_components(parts)
    assert chosen.sum() == 1
    assert is_alone(parts, chosen) is alone


def test_a_digit_that_touches_the_edge_is_kept() -> None:
    mask = np.zeros((100, 60), dtype=bool)
    mask[:, 25:35] = True
    assert select_components(find_components(mask)).all()
