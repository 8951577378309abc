import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mnistcnn.components import Mask, find_components


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
    assert len(found) == len(expected)
    assert np.array_equal(found.labels > 0, mask)
    for part in expected:
        rows, columns = zip(*part, strict=True)
        labels = set(found.labels[list(rows), list(columns)].tolist())
        assert len(labels) == 1
        i = labels.pop() - 1
        assert found.areas[i] == len(part)
        assert (found.top[i], found.bottom[i]) == (min(rows), max(rows) + 1)
        assert (found.left[i], found.right[i]) == (min(columns), max(columns) + 1)


def test_chosen_parts_make_a_mask() -> None:
    mask = np.zeros((5, 9), dtype=bool)
    mask[1:4, 1:3] = mask[2, 6] = True
    parts = find_components(mask)
    assert len(parts) == 2
    assert parts.mask(parts.areas == 1).sum() == 1
    assert parts.heights.tolist() == [3, 1]
    assert parts.widths.tolist() == [2, 1]
