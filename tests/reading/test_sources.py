import os
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnistcnn.errors import PictureError, UsageError
from mnistcnn.reading.prediction import predict
from mnistcnn.reading.sources import Source, find_images, find_sources
from tests.conftest import posix


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


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


@posix
def test_folders_are_searched_to_the_bottom_in_natural_order() -> None:
    touch("f/page10.png", "f/page9.png", "f/b/2.jpg", "f/b/c/1.heic", "f/.hidden/1.png", "f/._page9.png", "f/b/x.txt")
    os.mkfifo("f/pipe.png")
    inside = ["f/b/2.jpg", "f/b/c/1.heic", "f/page9.png", "f/page10.png"]
    assert [str(path) for path in find_images(["f"])] == inside
    assert [str(path) for path in find_images(["f"], recursive=False)] == inside[2:]
    touch("only/below/1.png")
    with pytest.raises(PictureError, match="only is a folder without pictures"):
        find_images(["only"], recursive=False)


def test_pages_are_sources_of_their_own() -> None:
    greys = [Image.new("L", (7, 9), level) for level in (10, 20, 30)]
    greys[0].save("scan.tif", save_all=True, append_images=greys[1:])
    greys[0].save("one.tif")
    made = list(find_sources(["scan.tif", "one.tif", "missing.tif"]))
    assert [source.name for source in made] == [*(f"scan.tif[{i}]" for i in (1, 2, 3)), "one.tif", "missing.tif"]
    assert [source.decode().image.getextrema() for source in made[:4]] == [(10, 10), (20, 20), (30, 30), (10, 10)]
    with pytest.raises(PictureError, match=r"missing\.tif can't be read: No such file"):
        made[4].decode()


@posix
def test_a_pipe_is_read_once() -> None:
    greys = [Image.new("L", (7, 9), level) for level in (10, 20)]
    greys[0].save("scan.tif", save_all=True, append_images=greys[1:])
    for content, names in ((Path("scan.tif").read_bytes(), ["pipe[1]", "pipe[2]"]), (b"x", ["pipe"]), (b"", ["pipe"])):
        Path("pipe").unlink(missing_ok=True)
        os.mkfifo("pipe")
        writer = threading.Thread(target=Path("pipe").write_bytes, args=(content,))
        writer.start()
        made = list(find_sources("pipe"))
        writer.join()
        assert [source.name for source in made] == names
        if len(content) > 1:
            assert [source.decode().image.getextrema() for source in made] == [(10, 10), (20, 20)]
        else:
            with pytest.raises(PictureError, match="not a picture" if content else "pipe is empty"):
                made[0].decode()


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
        (torch.zeros(28, 28, requires_grad=True), r"^image 1 can't be converted to a NumPy array: "),
        (["00.png", None], r"^image 2 is of type NoneType, not a path, a PIL image or an array\.$"),
        (b"00.png", r"^image 1 is of type int, not a path"),
        (7, r"^image 1 is of type int, not a path"),
    ],
)
def test_what_is_no_image_is_told_in_one_line(trained: Path, wrong: object, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        predict(wrong, trained)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
