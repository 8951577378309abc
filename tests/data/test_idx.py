import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from mnistcnn.data import idx


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=6)))
def test_what_is_encoded_is_decoded(array: NDArray[np.uint8]) -> None:
    decoded = idx.decode(idx.encode(array))
    assert decoded.shape == array.shape
    assert np.array_equal(decoded, array)


def test_the_bytes_are_those_of_the_format() -> None:
    assert idx.encode(np.array([[1, 2], [3, 4]], dtype=np.uint8)) == bytes(
        [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4]
    )


@given(st.binary(max_size=40))
def test_random_bytes_are_refused_or_an_array(content: bytes) -> None:
    try:
        array = idx.decode(content)
    except ValueError:
        return
    assert idx.encode(array) == content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not an IDX"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x00", "of bytes"),
        (b"\x00\x00\x08\x04" + bytes(16), "dimensions"),
        (b"\x00\x00\x08\x03\x00", "truncated"),
        (b"\x00\x00\x08\x01\x00\x00\x00\x05abc", "3 bytes of data where the header says 5"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "where the header says"),
    ],
)
def test_damage_is_named(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        idx.decode(content)


def test_only_bytes_are_encoded() -> None:
    with pytest.raises(ValueError, match="uint8"):
        idx.encode(np.zeros(3))  # type: ignore[arg-type]
