from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.config import Precision
from mnistcnn.errors import PictureError
from mnistcnn.network.tensors import save_checkpoint
from mnistcnn.reading.prediction import predict
from mnistcnn.reading.results import NOTHING
from mnistcnn.web.reader import FIRST_PAGE, Reader

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The packaged network."""
    return Reader(PACKAGED, device="cpu")


@pytest.mark.parametrize(
    "path",
    PICTURES,
    ids=lambda path: path.name,
)
def test_a_picture_is_read_exactly_as_predict_reads_it(reader: Reader, path: Path) -> None:
    drawing = reader.read(path.read_bytes())
    (expected,) = predict([path], PACKAGED, device="cpu", top_k=10, save_input=Path("seen"))
    assert (drawing.text, drawing.warning) == (expected.text, expected.warning)
    (digit,), (same,) = drawing.digits, expected.digits
    assert (digit.digit, digit.box, digit.doubted) == (same.digit, same.box, same.doubted)
    assert {one.digit: one.confidence for one in digit.top} == pytest.approx(
        {one.digit: one.confidence for one in same.top}, abs=1e-6
    )
    (seen,) = Path("seen").iterdir()
    assert drawing.frames == [np.asarray(Image.open(seen)).tolist()]
    (responses,) = drawing.responses
    assert len(responses) == 25 and {len(row) for tile in responses for row in tile} == {9}
    assert max(value for tile in responses for row in tile for value in row) == 255


def test_of_several_pages_the_first_is_read_and_it_is_said(reader: Reader, tmp_path: Path) -> None:
    pages = [Image.new("L", (60, 60), level) for level in (255, 250)]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    assert reader.read((tmp_path / "scan.tif").read_bytes()).note == FIRST_PAGE
    assert reader.read(blank()).note is None


def blank() -> bytes:
    """White paper, as a file."""
    return b"P5 28 28 255\n" + bytes([255]) * 784


def noise() -> bytes:
    """An even grey with a little noise, as a file."""
    return b"P5 64 64 255\n" + np.random.default_rng(0).integers(120, 136, 4096, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("content", [blank(), noise()], ids=["blank", "noise"])
def test_where_there_is_nothing_there_is_no_digit(reader: Reader, content: bytes) -> None:
    drawing = reader.read(content)
    assert drawing.warning == NOTHING
    assert (drawing.text, drawing.confidence, drawing.digits) == (None, None, [])


def test_a_broken_file_is_refused(reader: Reader) -> None:
    with pytest.raises(PictureError, match=r"^The file is not a picture"):
        reader.read(b"no picture")


def test_a_network_reads_in_float32_whatever_it_was_trained_in(tmp_path: Path) -> None:
    loaded = load_checkpoint(PACKAGED)
    assert loaded.config is not None
    drawings = []
    for precision in (Precision.FLOAT32, Precision.BFLOAT16):
        path = tmp_path / f"{precision}.pth"
        save_checkpoint(replace(loaded, path=path, config=replace(loaded.config, precision=precision)))
        drawings.append(replace(Reader(path, device="cpu").read(PICTURES[0].read_bytes()), seconds=0.0))
    assert drawings[0] == drawings[1]
