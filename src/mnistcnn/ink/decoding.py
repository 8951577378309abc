"""Decodes image files by their content to upright pages and colours, bounded in size and number. No torch."""

from __future__ import annotations

import io
import stat
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from mnistcnn.errors import PictureError, UsageError

Colours = NDArray[np.float32]  # (height, width, 3), red, green, blue in 0 … 1

# The formats that Pillow decodes by itself, the usual ones first; to decode EPS it would start another program.
_FORMATS = "PNG JPEG BMP GIF PPM TIFF WEBP AVIF ICO TGA PCX JPEG2000 QOI SGI".split()  # noqa: SIM905
_PAGED_FORMATS = ("TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIF")  # a JPEG's further images are previews and depths
SUFFIXES = frozenset(
    f".{name}"
    for name in (
        "png apng jpg jpeg gif bmp tif tiff webp ppm pgm pbm ico tga pcx avif jp2 qoi sgi heic heif".split()  # noqa: SIM905
    )
)
_PDF_HINT = "Save its pages as pictures first, such as with: pdftoppm -r 200 -png FILE page"
_SVG_HINT = "Save it as a PNG first, such as with: rsvg-convert FILE -o FILE.png"
_HEIC_HINT = "pip install pillow-heif (the extra [heic]), or save it as a JPEG first."
_TIFF_KIND_TAG = 254  # NewSubfileType; source: TIFF 6.0
_TIFF_PREVIEW_OR_MASK = 0b101
MAX_PAGES = 100  # the limit of pages of one file; a guess
MOST_BYTES = 128 << 20
MOST_PIXELS = 64_000_000
MOST_SIDE = 65_535  # JPEG's limit; a PNG one pixel wide and 60 million high takes a quarter of a minute to decode
WORKING_SIDE = 640  # pixels; larger images are reduced to this


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright image; its original `size`, (width, height); `grey` is true if it is plain 8-bit grey."""

    image: Image.Image
    size: tuple[int, int]
    grey: bool
    _colours: dict[int, Colours] = field(default_factory=dict, init=False, repr=False, compare=False)

    def colours(self, side: int = WORKING_SIDE) -> Colours:
        """Its colours, at most `side` pixels either way; computed once, so they must not be changed.

        Transparent images are laid over white, or over black if their visible part is light.
        """
        side = min(side, max(self.image.size))
        if side not in self._colours:
            self._colours[side] = _to_colours(self.image, side)
        return self._colours[side]


def read_file(path: Path) -> bytes:
    """Read a file or a pipe; `-` is standard input. Raises `PictureError`, which names the file."""
    try:
        if path == Path("-"):
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            kind = stat.S_IFMT(path.stat().st_mode)
            if kind not in (stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR):
                raise PictureError(f"{path} is not a file.")
            with path.open("rb") as stream:
                content = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise PictureError(f"{path} can't be read: {reason}.") from error
    if not content:
        raise PictureError(f"{path} is empty.")
    if len(content) > MOST_BYTES:
        raise PictureError(f"{path} has more than {MOST_BYTES:,} bytes.")
    return content


def decode(content: bytes, name: str) -> Decoded:
    """Decode an image file, or its first page, and turn it upright as its EXIF orientation says.

    Raises `PictureError`, which calls the file `name`.
    """
    with _failures_named(name):
        try:
            image = _open(io.BytesIO(content))
        except UnidentifiedImageError as error:
            raise _unknown_format(content, name) from error
        with image:
            _check_pixels(image, name)
            size = image.size
            image.draft("RGB", (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # a large JPEG is decoded smaller, which is faster
            return _decoded(image, size)


def read_pages(stream: BinaryIO, name: str) -> Iterator[Image.Image | PictureError]:
    """Yield the pages of a TIFF or the frames of an animation; nothing for a single image.

    If a page can't be read, the last item is the error; likewise if there are more than `MAX_PAGES`. A TIFF's previews
    and masks are left out.
    """
    try:
        with _failures_named(name):
            image = _open(stream)
            frames = _page_frames(image)
    except PictureError:
        return  # `decode` raises this error, too
    if len(frames) < 2:
        return
    for frame in frames[:MAX_PAGES]:
        try:
            with _failures_named(name):
                if not _seek(image, frame):
                    return
                _check_pixels(image, name)
                image.load()
                page = image.copy()
        except PictureError as error:
            if frame != frames[0]:  # `decode` raises the error of the first page
                yield error
            return
        yield page
    with suppress(PictureError), _failures_named(name):
        if len(frames) > MAX_PAGES and _seek(image, frames[MAX_PAGES]):
            yield PictureError(f"{name} has more than {MAX_PAGES} pages; the rest were not read.")


def has_more_pages(content: bytes) -> bool:
    """Whether an image file has more than the one page or frame that `decode` reads."""
    try:
        with _failures_named(""), _open(io.BytesIO(content)) as image:
            return len(_page_frames(image)) > 1
    except PictureError:
        return False


def _page_frames(image: Image.Image) -> Sequence[int]:
    """List the frames of an open file that are pages, at most `MAX_PAGES` + 1; perhaps more than the file has.

    If the file is damaged, a frame that can't be found counts, so that reading it raises the error.
    """
    if image.format not in _PAGED_FORMATS:
        return [0]
    frames = [0]
    try:
        if image.format != "TIFF":
            return range(MAX_PAGES + 1) if _seek(image, 1) else frames
        for frame in range(1, 10 * MAX_PAGES):
            if len(frames) > MAX_PAGES or not _seek(image, frame):
                break
            if not _is_preview_or_mask(image):
                frames.append(frame)
    except Exception:  # on damaged content, Pillow's decoders may raise anything
        frames.append(frames[-1] + 1)
    return frames


def _open(stream: BinaryIO) -> Image.Image:
    formats = [*_FORMATS, "HEIF"] if _register_heif() else _FORMATS
    return Image.open(stream, formats=formats)


@cache
def _register_heif() -> bool:
    """Let Pillow decode HEIC if the package for it is installed; return whether it is."""
    try:
        from pillow_heif import register_heif_opener  # noqa: PLC0415 - the package is optional
    except ImportError:
        return False
    register_heif_opener()
    return True


def _seek(image: Image.Image, frame: int) -> bool:
    try:
        image.seek(frame)
    except EOFError:
        return False
    return True


def _is_preview_or_mask(image: Image.Image) -> bool:
    kind = image.tag_v2.get(_TIFF_KIND_TAG, 0)  # type: ignore[attr-defined]
    return isinstance(kind, int) and bool(kind & _TIFF_PREVIEW_OR_MASK)


def _check_pixels(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise PictureError(f"{name} has {width:,} × {height:,} pixels; the limit is {MOST_PIXELS:,}.")
    if max(width, height) > MOST_SIDE:
        raise PictureError(f"{name} has {width:,} × {height:,} pixels; the limit of a side is {MOST_SIDE:,}.")


def _unknown_format(content: bytes, name: str) -> PictureError:
    """Make the error for a file that Pillow can't decode: it names the format and a way out, if known."""
    start = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"%PDF-" in start:
        return PictureError(f"{name} is a PDF document, not a picture.", _PDF_HINT)
    if start.startswith((b"<svg", b"<?xml", b"<!DOCTYPE svg", b"<!--")) and b"<svg" in content[:65536]:
        return PictureError(f"{name} is an SVG drawing, not a picture of pixels.", _SVG_HINT)
    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        return PictureError(f"{name} is a HEIC picture.", _HEIC_HINT)
    return PictureError(f"{name} is not a picture that can be read.")


@contextmanager
def _failures_named(name: str) -> Iterator[None]:
    """Turn all exceptions of Pillow into `PictureError`, which calls the file `name`."""
    try:
        # Pillow warns about large images, which are limited here anyway, and about damaged metadata, which isn't used.
        with warnings.catch_warnings(action="ignore"):
            yield
    except Image.DecompressionBombError as error:
        raise PictureError(f"{name} has more than {MOST_PIXELS:,} pixels.") from error
    except MemoryError as error:
        raise PictureError(f"{name} is too large.") from error
    except PictureError:
        raise
    except Exception as error:  # on damaged content, Pillow's decoders may raise anything
        raise PictureError(f"{name} is damaged: {str(error) or type(error).__name__}.") from error


def _decoded(image: Image.Image, size: tuple[int, int] | None = None) -> Decoded:
    """Turn an open image upright; `size` is its original width and height if it was decoded smaller."""
    image.load()
    grey = image.mode == "L" and "transparency" not in image.info
    upright = image
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        upright = ImageOps.exif_transpose(image)
    width, height = size or image.size
    lying = (upright.width < upright.height) != (image.width < image.height)
    return Decoded(upright, (height, width) if lying else (width, height), grey)


def open_decoded(image: Image.Image, name: str) -> Decoded:
    """Decode an image that is already open. Raises `PictureError`, which calls it `name`."""
    if not all(image.size):
        raise PictureError(f"{name} has no pixels.")
    try:
        return _decoded(image)
    except Exception as error:  # on a damaged file, Pillow's decoders may raise anything
        raise PictureError(f"{name} can't be read: {str(error) or type(error).__name__}.") from error


def _to_colours(image: Image.Image, side: int) -> Colours:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image, side)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        premultiplied = _reduced(image.convert("RGBA").convert("RGBa"), side)
        if (premultiplied[:, :, 3] != 255).any():
            return _lay_over_backdrop(premultiplied)
        return np.asarray(premultiplied[:, :, :3], dtype=np.float32) / np.float32(255)
    colours = image if image.mode == "RGB" else image.convert("RGB")
    return np.asarray(_reduced(colours, side), dtype=np.float32) / np.float32(255)


def _reduced(image: Image.Image, side: int) -> NDArray[Any]:
    """The pixels of an image, at most `side` either way: means of whole blocks, and the rest by interpolation."""
    times = max(image.size) / side
    if times <= 1:
        return np.asarray(image)
    size = max(1, round(image.width / times)), max(1, round(image.height / times))
    return np.asarray(cv2.resize(np.asarray(image.reduce(int(times))), size, interpolation=cv2.INTER_LINEAR))


def _from_deep_grey(image: Image.Image, side: int) -> Colours:
    """Convert 16- and 32-bit grey: the brightest level becomes white, or level 255 if that is brighter.

    The white of floats in 0 … 1 is their brightest level.
    """
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    levels = np.clip(levels, -1.7e38, 1.7e38)  # their differences must not overflow float32
    levels = levels - min(0.0, float(levels.min()))
    top = float(levels.max())
    full = top if 0 < top <= 1 and image.mode == "F" else max(255.0, top)
    reduced = _reduced(Image.fromarray(levels / np.float32(full)), side)
    return np.repeat(np.clip(reduced, np.float32(0), np.float32(1))[:, :, None], 3, axis=2)


def _lay_over_backdrop(premultiplied: NDArray[np.uint8]) -> Colours:
    """Lay a transparent image over white, or over black if its visible part is light.

    If most of it is opaque, as with rounded corners, it is laid over the median colour of its visible part instead.
    """
    pixels = np.asarray(premultiplied, dtype=np.float32) / 255
    colours = pixels[:, :, :3]
    alpha = pixels[:, :, 3:]
    seen = alpha[:, :, 0] >= min(0.5, alpha.max())
    shown = colours[seen] / np.maximum(alpha[seen], np.float32(1 / 255))
    backdrop = np.median(shown, axis=0) if seen.mean() > 0.6 else np.float32(shown.mean() < 0.5)
    return colours + backdrop * (1 - alpha)


def image_from_array(array: NDArray[Any], name: str) -> Image.Image:
    """Convert an array (H, W), (H, W, 3) or (H, W, 4), grey, RGB or RGBA, uint8 or float in 0 … 1, to an image.

    Raises `UsageError`, which calls it `name`, for any other array.
    """
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,), (4,)) or not array.size:
        raise UsageError(
            f"{name} is an array of shape {array.shape}, not of (H, W), (H, W, 3) or (H, W, 4).",
            "An array is one picture; give several as a list of arrays.",
        )
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):
            raise UsageError(f"{name} is an array of {array.dtype} with values beyond 0 … 1.", "Divide it by 255.")
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise UsageError(f"{name} is an array of {array.dtype}, not of uint8, or float in 0 … 1.")
    return Image.fromarray(array)
