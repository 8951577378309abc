from __future__ import annotations

from pathlib import Path

import pytest

from mnistcnn.checkpoint import PACKAGED
from mnistcnn.errors import PictureError
from mnistcnn.picture import NOTHING, read_picture
from mnistcnn.prediction import predict
from mnistcnn.web.reader import Reader

PICTURES = sorted((Path(__file__).parents[1] / "pictures").iterdir())


@pytest.fixture(scope="module")
def reader() -> Reader:
    """The packaged network."""
    return Reader(PACKAGED, device="cpu")


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_a_picture_is_read_exactly_as_predict_reads_it(reader: Reader, path: Path) -> None:
    drawing = reader.read(path.read_bytes())
    (expected,) = predict([path], PACKAGED, device="cpu", top_k=10)
    assert drawing.digit == expected.digit and drawing.warning == expected.warning
    for candidate in expected.top:
        assert drawing.probabilities[candidate.digit] == pytest.approx(candidate.confidence, abs=1e-6)
    assert drawing.frame == read_picture(path).frame.tolist()
    assert len(drawing.responses) == 25 and {len(row) for tile in drawing.responses for row in tile} == {9}
    assert max(value for tile in drawing.responses for row in tile for value in row) == 255


def test_an_empty_sheet_and_a_broken_file_are_told(reader: Reader) -> None:
    white = b"P5 28 28 255\n" + bytes([255]) * 784
    assert reader.read(white).warning == NOTHING
    with pytest.raises(PictureError, match=r"^The file is not a picture"):
        reader.read(b"no picture")
