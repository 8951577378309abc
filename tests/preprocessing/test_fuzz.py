"""Whatever is given as a picture: read, or refused in one line that names it."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistcnn.errors import PictureError
from mnistcnn.preprocessing import preprocess_file
from mnistcnn.preprocessing.decoding import decode, read_file
from tests.test_fuzz import FUZZ, mutated

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP", "ICO", "TGA", "PCX", "JPEG2000", "QOI", "SGI")


@cache
def sample(name: str) -> bytes:
    """A small picture in a format."""
    levels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, format=name)
    return buffer.getvalue()


def check_picture(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        path.write_bytes(content)
        try:
            colours, _ = decode(read_file(path), str(path))
            frame = preprocess_file(path).frame
        except PictureError as error:
            assert str(path) in error.message
            assert "\n" not in error.message
        else:
            assert np.isfinite(colours).all()
            assert (colours.min(), colours.max()) >= (0, 0)
            assert colours.max() <= 1
            assert frame.shape == (28, 28)
            assert frame.dtype == np.uint8


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_pictures_in_every_format(name: str) -> None:
    @settings(FUZZ, max_examples=25)
    @given(mutated(sample(name)))
    def check(content: bytes) -> None:
        check_picture(content)

    check()


@FUZZ
@given(st.binary(max_size=300))
def test_random_bytes_as_a_picture(content: bytes) -> None:
    check_picture(content)


@FUZZ
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 8, 256]))
def test_random_pictures_are_read(height: int, width: int, seed: int, levels: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, levels, (height, width, 3)) * (255 // max(1, levels - 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    check_picture(buffer.getvalue())
