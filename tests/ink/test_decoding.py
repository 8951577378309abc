import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnistcnn.errors import PictureError
from mnistcnn.ink import decoding
from mnistcnn.ink.decoding import Colours, read_file


def decode(path: Path) -> tuple[Colours, bool]:
    decoded = decoding.decode(read_file(path), str(path))
    return decoded.colours(), decoded.grey


def save(picture: Image.Image, name: str = "picture.png", **options: Any) -> Path:
    picture.save(name, **options)
    return Path(name)


def ramp(mode: str = "L") -> Image.Image:
    """Dark on the left, light on the right, a white spot at the top left."""
    levels = np.tile(np.linspace(0, 200, 40).astype(np.uint8), (20, 1))
    levels[:4, :4] = 255
    return Image.fromarray(levels).convert(mode)


@pytest.mark.parametrize(
    ("mode", "name"),
    [
        ("L", "p.png"),
        ("RGB", "p.png"),
        ("P", "p.png"),
        ("RGB", "p.jpg"),
        ("CMYK", "p.jpg"),
        ("L", "p.bmp"),
        ("P", "p.gif"),
        ("RGB", "p.webp"),
        ("L", "p.tif"),
        ("CMYK", "p.tif"),
        ("L", "p.pgm"),
        ("RGB", "p.ico"),
    ],
)
def test_every_common_mode_and_format_gives_the_same_colours(mode: str, name: str) -> None:
    picture = ramp(mode)
    options: dict[str, Any] = {"sizes": [(40, 20)]} if name.endswith("ico") else {}
    colours, _ = decode(save(picture, name, **options))
    assert colours.dtype == np.float32
    assert colours.shape == (20, 40, 3)
    expected = np.asarray(ramp().convert("RGB"), dtype=np.float32) / 255
    assert np.abs(colours - expected).mean() < 0.02


def test_content_counts_not_the_suffix() -> None:
    save(ramp(), "p.png")
    Path("p.png").rename("p.jpg")
    assert decode(Path("p.jpg"))[0].shape == (20, 40, 3)


def test_one_bit_and_sixteen_bits() -> None:
    assert set(np.unique(decode(save(ramp("1")))[0])) <= {0.0, 1.0}
    deep = Image.fromarray(np.tile(np.linspace(0, 65535, 40).astype(np.uint16), (20, 1)))
    colours, grey = decode(save(deep))
    assert not grey
    assert np.allclose(colours[0, :, 0], np.linspace(0, 1, 40), atol=1e-3)


def test_twelve_bits_in_sixteen_are_not_taken_for_black() -> None:
    colours, _ = decode(save(Image.fromarray(np.tile(np.linspace(0, 4095, 40).astype(np.uint16), (20, 1)))))
    assert colours.max() == pytest.approx(1.0)


def test_floats_may_be_as_far_apart_as_they_can() -> None:
    colours, _ = decode(save(Image.fromarray(np.array([[3e38, -3e38, np.nan, np.inf]], dtype=np.float32)), "p.tif"))
    assert colours[0, :, 0].tolist() == [1, 0, 0.5, 0.5]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int) -> None:
    upright = ramp("RGB")
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the inverse turns, as Pillow numbers them
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    colours, _ = decode(save(stored, "p.png", exif=exif))
    assert colours.shape == (20, 40, 3)
    assert colours[1, 1, 0] > 0.95
    assert colours[-2, 1, 0] < 0.1


def pages(path: Path, name: str = "p") -> list[Image.Image | PictureError]:
    with path.open("rb") as stream:
        return list(decoding.read_pages(stream, name))


def levels(path: Path) -> list[Any]:
    return [page.convert("L").getextrema() if isinstance(page, Image.Image) else page.message for page in pages(path)]


GREYS = [Image.new("L", (30, 20), level) for level in (0, 100, 255)]


@pytest.mark.parametrize("name", ["p.tif", "p.gif", "p.png", "p.webp"])
def test_every_page_and_frame_is_read(name: str) -> None:
    options: dict[str, Any] = {"lossless": True} if name == "p.webp" else {}
    path = save(GREYS[0], name, save_all=True, append_images=GREYS[1:], **options)
    assert levels(path) == [(0, 0), (100, 100), (255, 255)]
    assert decode(path)[0].max() == 0  # the first


@pytest.mark.parametrize("name", ["p.tif", "p.gif", "p.png", "p.webp", "p.jpg", "p.bmp"])
def test_a_single_image_has_no_pages(name: str) -> None:
    assert pages(save(GREYS[0], name)) == []


def test_a_preview_in_a_tiff_is_not_a_page() -> None:
    preview = GREYS[1].copy()
    preview.encoderinfo = {"tiffinfo": {254: 1}}
    path = save(GREYS[0], "p.tif", save_all=True, append_images=[preview, GREYS[2]])
    assert levels(path) == [(0, 0), (255, 255)]
    assert pages(save(GREYS[0], "p.tif", save_all=True, append_images=[preview])) == []


@pytest.mark.parametrize("name", ["p.tif", "p.gif"])
def test_more_pages_than_the_bound_are_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_PAGES", 2)
    path = save(GREYS[0], name, save_all=True, append_images=GREYS[1:])
    assert levels(path) == [(0, 0), (100, 100), "p has more than 2 pages; the rest were not read."]
    monkeypatch.setattr(decoding, "MAX_PAGES", 3)
    assert len(levels(path)) == 3


@pytest.mark.parametrize("name", ["p.tif", "p.gif"])
def test_a_damaged_page_is_told_after_those_before_it(name: str) -> None:
    noise = [Image.effect_noise((200, 200), 50 + i) for i in range(3)]
    path = save(noise[0], name, save_all=True, append_images=noise[1:])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    found = pages(path)
    assert 2 <= len(found) <= 3
    *good, last = found
    assert all(isinstance(page, Image.Image) for page in good)
    assert isinstance(last, PictureError)
    assert last.message.startswith("p is damaged: ")


def test_a_page_that_is_too_large_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MOST_PIXELS", 700)
    path = save(GREYS[0], "p.tif", save_all=True, append_images=[Image.new("L", (30, 30))])
    assert levels(path) == [(0, 0), "p has 30 × 30 pixels; the limit is 700."]


def test_heic_is_read_where_the_extra_is_installed() -> None:
    pytest.importorskip("pillow_heif")
    assert decoding._register_heif()
    colours, _ = decode(save(ramp("RGB"), "p.heic"))
    assert np.abs(colours - decode(save(ramp("RGB")))[0]).mean() < 0.02


@pytest.mark.parametrize(
    ("content", "what", "hint"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n", "p is a PDF document, not a picture.", "pdftoppm"),
        (
            b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
            "p is an SVG drawing, not",
            "rsvg-convert",
        ),
        (b"\xef\xbb\xbf <svg/>", "p is an SVG drawing, not", "rsvg-convert"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "p is a HEIC picture.", "pip install pillow-heif"),
    ],
    ids=["pdf", "svg", "bare svg", "heic"],
)
def test_other_kinds_of_files_get_a_hint_on_what_to_do(
    content: bytes, what: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_register_heif", lambda: False)
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    with pytest.raises(PictureError) as caught:
        decoding.decode(content, "p")
    assert caught.value.message.startswith(what)
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("ink", "paper"), [((0, 0, 0), 1.0), ((20, 20, 120), 1.0), ((255, 255, 255), 0.0), ((255, 240, 150), 0.0)]
)
@pytest.mark.parametrize("hidden", [0, 255])
def test_transparency_lies_on_what_the_ink_is_not(ink: tuple[int, int, int], paper: float, hidden: int) -> None:
    pixels = np.full((40, 40, 4), hidden, dtype=np.uint8)
    pixels[:, :, 3] = 0
    pixels[10:30, 18:22] = (*ink, 255)
    colours, _ = decode(save(Image.fromarray(pixels)))
    assert (colours[0, 0] == paper).all()
    assert np.allclose(colours[20, 20], np.array(ink) / 255)


def test_rounded_corners_get_the_colour_of_the_rest() -> None:
    pixels = np.full((40, 40, 4), 255, dtype=np.uint8)
    pixels[10:30, 18:22, :3] = 0
    pixels[:3, :3] = 0
    assert (decode(save(Image.fromarray(pixels)))[0][0, 0] == 1).all()


def test_a_wholly_transparent_picture_is_even() -> None:
    colours, _ = decode(save(Image.new("RGBA", (30, 30), (10, 200, 30, 0))))
    assert (colours == colours[0, 0]).all()


def test_a_palette_with_a_transparent_colour() -> None:
    picture = ramp("P")
    colours, _ = decode(save(picture, "p.png", transparency=0))
    assert colours.shape == (20, 40, 3)


def test_large_pictures_are_reduced() -> None:
    assert max(decode(save(Image.new("L", (3000, 1000))))[0].shape) == decoding.WORKING_SIDE
    assert decode(save(Image.new("L", (2000, 1))))[0].shape == (1, 640, 3)


def test_plain_grey_is_told_from_the_rest() -> None:
    assert decode(save(ramp("L")))[1]
    assert not decode(save(ramp("RGB")))[1]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stdin:
        buffer = save(ramp()).open("rb")

    monkeypatch.setattr(sys, "stdin", Stdin)
    assert decode(Path("-"))[0].shape == (20, 40, 3)
    Stdin.buffer.close()


def test_every_failure_is_a_line_that_names_the_file(tmp_path: Path) -> None:
    ramp().save("good.png")
    content = Path("good.png").read_bytes()
    Path("text.png").write_bytes(b"hello\n")
    Path("empty.png").write_bytes(b"")
    Path("cut.png").write_bytes(content[: len(content) // 2])
    Path("script.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
    for name, why in {
        "text.png": "not a picture",
        "empty.png": "is empty",
        "cut.png": "damaged",
        "script.eps": "not a picture",
        "socket.png": "not a file",
        "none.png": "No such file",
        "a\0b.png": "can't be read",
        str(tmp_path): "not a file",
    }.items():
        with pytest.raises(PictureError, match=why) as caught:
            decode(Path(name))
        assert caught.value.message.startswith(name)
        assert "\n" not in caught.value.message


def test_absurd_sizes_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    save(Image.new("1", (20_000, 20_000)), "huge.png")
    with pytest.raises(PictureError, match=r"pixels"):
        decode(Path("huge.png"))
    save(Image.new("1", (9_000, 9_000)), "large.png")
    with pytest.raises(PictureError, match="9,000 × 9,000 pixels"):
        decode(Path("large.png"))
    save(Image.new("1", (1, 70_000)), "tall.png")
    with pytest.raises(PictureError, match="1 × 70,000 pixels; the limit of a side is 65,535"):
        decode(Path("tall.png"))
    monkeypatch.setattr(decoding, "MOST_BYTES", 10)
    with pytest.raises(PictureError, match="bytes"):
        decode(save(ramp()))


def test_one_pixel_is_a_picture() -> None:
    assert decode(save(Image.new("L", (1, 1))))[0].shape == (1, 1, 3)


def test_colours_are_computed_once_for_each_size() -> None:
    image = decoding.open_decoded(Image.new("RGB", (300, 200), "red"), "red")
    assert image.colours(100) is image.colours(100)
    assert image.colours(100).shape == (67, 100, 3) and image.colours().shape == (200, 300, 3)
    assert image.colours(400) is image.colours()  # neither is larger than the image
