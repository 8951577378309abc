"""Any bytes given as an image are read, or rejected in one line that names the file."""

from __future__ import annotations

import io
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mnistcnn.errors import PictureError
from mnistcnn.ink.decoding import decode, read_file
from mnistcnn.ink.sheet import Paper, find_sheet
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
            decoded = decode(read_file(path), str(path))
            colours = decoded.colours()
            sheets = [find_sheet(decoded, paper) for paper in Paper]
        except PictureError as error:
            assert str(path) in error.message
            assert "\n" not in error.message
        else:
            assert np.isfinite(colours).all()
            assert (colours.min(), colours.max()) >= (0, 0)
            assert colours.max() <= 1
            for sheet in filter(None, sheets):
                assert np.isfinite(sheet.matrix).all()
                for ink in (sheet.ink, sheet.find_pale()):
                    assert 0 <= ink.min() <= ink.max() <= 1


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


@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (1, 2), (192, 1), (1, 192), (1300, 1), (1300, 2)])
@pytest.mark.parametrize("levels", [1, 2, 256])
def test_the_narrowest_pictures_are_read_without_a_warning(shape: tuple[int, int], levels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, levels, shape) * (255 // max(1, levels - 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
    check_picture(buffer.getvalue())


@FUZZ
@example(2, np.array([3e38, -3e38, np.nan, np.inf, 0, 1]).astype(np.float32).tobytes())
@given(st.integers(1, 9), st.binary(min_size=36, max_size=500))
def test_any_levels_of_32_bits_are_read_without_a_warning(height: int, content: bytes) -> None:
    for kind in (np.float32, np.int32):
        levels = np.frombuffer(content[: len(content) // (4 * height) * 4 * height], dtype=kind).reshape(height, -1)
        buffer = io.BytesIO()
        Image.fromarray(levels).save(buffer, format="TIFF")
        check_picture(buffer.getvalue())
