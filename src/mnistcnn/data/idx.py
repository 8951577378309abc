"""IDX, the file format of MNIST: big-endian sizes, then bytes (http://yann.lecun.com/exdb/mnist/)."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_UINT8 = 0x08
_MAX_DIMENSIONS = 3


def decode(content: bytes | bytearray | memoryview) -> NDArray[np.uint8]:
    """The uint8 array in an IDX file's bytes, of 1 to 3 dimensions; it shares their memory.

    Raises `ValueError` saying what is wrong with them.
    """
    view = memoryview(content)
    if len(view) < 4 or view[0] != 0 or view[1] != 0:
        raise ValueError("not an IDX file")
    if view[2] != _UINT8 or not 1 <= view[3] <= _MAX_DIMENSIONS:
        raise ValueError("not an IDX file of bytes with 1 to 3 dimensions")
    header = 4 + 4 * view[3]
    if len(view) < header:
        raise ValueError("truncated IDX header")
    shape = struct.unpack(f">{view[3]}I", view[4:header])
    expected = 1
    for size in shape:  # Python's integers: no overflow, whatever the header says
        expected *= size
    if len(view) - header != expected:
        raise ValueError(f"{len(view) - header:,} bytes of data where the header says {expected:,}")
    return np.frombuffer(view, dtype=np.uint8, offset=header).reshape(shape)


def encode(array: NDArray[np.uint8]) -> bytes:
    """The IDX file of a uint8 array of 1 to 3 dimensions."""
    if array.dtype != np.uint8 or not 1 <= array.ndim <= _MAX_DIMENSIONS:
        raise ValueError("IDX files here hold uint8 arrays of 1 to 3 dimensions")
    return struct.pack(f">4B{array.ndim}I", 0, 0, _UINT8, array.ndim, *array.shape) + array.tobytes()
