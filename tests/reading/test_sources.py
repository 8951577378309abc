from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnistcnn.errors import PictureError, UsageError
from mnistcnn.reading.prediction import predict
from mnistcnn.reading.sources import Source, find_images, find_sources


def test_folders_stand_for_their_pictures_and_files_for_themselves() -> None:
    folder = Path("pictures")
    folder.mkdir()
    for name in ("b.png", "a.PNG", "c.jpeg"):
        (folder / name).write_bytes(b"x")
    (folder / "notes.txt").write_text("x", encoding="ascii")
    (folder / "sub.png").mkdir()
    found = find_images([folder, Path("-"), Path("missing.png")])
    assert found == [*(folder / name for name in ("a.PNG", "b.png", "c.jpeg")), Path("-"), Path("missing.png")]
    Path("empty").mkdir()
    with pytest.raises(PictureError, match="empty is a folder without pictures"):
        find_images([Path("empty")])


def test_an_address_is_no_file() -> None:
    with pytest.raises(PictureError, match=r"https://host/7\.png is a web address\.") as caught:
        find_images(["https://host/7.png"])
    assert caught.value.hint == "Save the picture to a file first."


def test_sources_are_named_and_decoded_one_by_one() -> None:
    image = Image.new("L", (7, 9), 200)
    image.save("a.png")
    made = list(find_sources(["a.png", image, np.zeros((4, 5, 3), np.uint8)]))
    assert [source.name for source in made] == ["a.png", "image 2", "image 3"]
    assert [source.decode().size for source in made] == [(7, 9), (7, 9), (5, 4)]
    assert Source("content", Path("a.png").read_bytes()).decode().size == (7, 9)
    with pytest.raises(PictureError, match="content is not a picture"):
        Source("content", b"none").decode()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((5, 28, 28), np.uint8), r"^image 1 is an array of shape \(5, 28, 28\), not of"),
        (np.zeros((28, 28, 1), np.uint8), r"^image 1 is an array of shape \(28, 28, 1\)"),
        (np.zeros((0, 28), np.uint8), r"^image 1 is an array of shape \(0, 28\)"),
        (np.zeros((28, 28), np.int64), r"^image 1 is an array of int64, not of uint8, or float"),
        (np.full((28, 28), 255.0), r"^image 1 is an array of float64 with values beyond"),
        (np.full((28, 28), np.nan, np.float32), r"^image 1 is an array of float32 with values beyond"),
        (torch.zeros(28, 28, requires_grad=True), r"^image 1 can't be made a numpy array: "),
        (["00.png", None], r"^image 2 is of type NoneType, not a path, a PIL image or an array\.$"),
        (b"00.png", r"^image 1 is of type int, not a path"),
        (7, r"^image 1 is of type int, not a path"),
    ],
)
def test_what_is_no_image_is_told_in_one_line(trained: Path, wrong: object, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        predict(wrong, trained)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
