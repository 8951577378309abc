"""Any image file → colours: by content, upright, first frame, bounded in size. No torch."""

from __future__ import annotations

import io
import stat
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mnistcnn.errors import PictureError, UsageError

Colours = NDArray[np.float32]  # (height, width, 3), red, green, blue in 0 … 1

# What Pillow decodes by itself, the usual first; EPS and the like would start other programs.
_FORMATS = "PNG JPEG BMP GIF PPM TIFF WEBP AVIF ICO TGA PCX JPEG2000 QOI SGI".split()  # noqa: SIM905
SUFFIXES = frozenset(
    [f".{name}" for name in "png jpg jpeg gif bmp tif tiff webp ppm pgm pbm ico tga pcx avif jp2 qoi sgi".split()]  # noqa: SIM905
)
MOST_BYTES = 128 << 20
MOST_PIXELS = 64_000_000
WORKING_SIDE = 640  # pixels; larger images are reduced to this


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image, upright; its width and height before any of it was reduced; whether it is plain 8-bit grey."""

    image: Image.Image
    size: tuple[int, int]
    grey: bool

    def colours(self, side: int = WORKING_SIDE) -> Colours:
        """Its colours, at most `side` pixels either way.

        Transparency is laid over white, or over black where what is drawn is itself light.
        """
        return _to_colours(self.image, side)


def read_file(path: Path) -> bytes:
    """The content of a file; `-` is standard input. Raises `PictureError` naming the file."""
    try:
        if path == Path("-"):
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        elif stat.S_ISREG(path.stat().st_mode):
            with path.open("rb") as stream:
                content = stream.read(MOST_BYTES + 1)
        else:
            raise PictureError(f"{path} is not a file.")
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise PictureError(f"{path} can't be read: {reason}.") from error
    if not content:
        raise PictureError(f"{path} is empty.")
    if len(content) > MOST_BYTES:
        raise PictureError(f"{path} has more than {MOST_BYTES:,} bytes.")
    return content


def decode(content: bytes, name: str) -> Decoded:
    """An image file, turned upright as EXIF says, the first frame of several.

    Raises `PictureError`, which calls the file `name`.
    """
    try:
        # Pillow warns of large images (we have a limit of our own) and of damaged metadata (we use none).
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise PictureError(f"{name} has {width:,} × {height:,} pixels; {MOST_PIXELS:,} is the most.")
            image.draft("RGB", (2 * WORKING_SIDE, 2 * WORKING_SIDE))  # lets JPEG decode a large photograph smaller
            return _decoded(image, (width, height))
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is not a picture that can be read.") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{name} has more than {MOST_PIXELS:,} pixels.") from error
    except MemoryError as error:
        raise PictureError(f"{name} is too large.") from error
    except PictureError:
        raise
    except Exception as error:  # whatever damaged content makes Pillow's decoders raise
        raise PictureError(f"{name} is damaged: {str(error) or type(error).__name__}.") from error


def _decoded(image: Image.Image, size: tuple[int, int] | None = None) -> Decoded:
    """An open image; `size` is its width and height, where it is decoded smaller than it is."""
    image.load()
    grey = image.mode == "L" and "transparency" not in image.info
    upright = ImageOps.exif_transpose(image)
    width, height = size or image.size
    lying = (upright.width < upright.height) != (image.width < image.height)
    return Decoded(upright, (height, width) if lying else (width, height), grey)


def open_decoded(image: Image.Image, name: str) -> Decoded:
    """`decode` of an image that is open already. Raises `PictureError`, which calls it `name`."""
    if not all(image.size):
        raise PictureError(f"{name} has no pixels.")
    try:
        return _decoded(image)
    except Exception as error:  # whatever a damaged file makes Pillow's decoders raise
        raise PictureError(f"{name} can't be read: {str(error) or type(error).__name__}.") from error


def _to_colours(image: Image.Image, side: int) -> Colours:
    if image.mode.startswith("I") or image.mode == "F":
        return _from_deep_grey(image, side)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        reduced = _reduced(image.convert("RGBA"), side)
        if reduced.getchannel("A").getextrema() != (255, 255):
            return _lay_over_backdrop(reduced)
        image = reduced
    return np.asarray(_reduced(image.convert("RGB"), side), dtype=np.float32) / np.float32(255)


def _reduced(image: Image.Image, side: int) -> Image.Image:
    if max(image.size) > side:
        scale = side / max(image.size)
        size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
        image = image.resize(size, Image.Resampling.BOX, reducing_gap=3.0)
    return image


def _from_deep_grey(image: Image.Image, side: int) -> Colours:
    """16- and 32-bit grey: the brightest level there is becomes white, but 255 at the least."""
    levels = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    levels = np.clip(levels, -1.7e38, 1.7e38)  # no further apart than a float of 32 bits can say
    levels = levels - min(0.0, float(levels.min()))
    top = float(levels.max())
    full = top if 0 < top <= 1 and image.mode == "F" else max(255.0, top)
    reduced = np.asarray(_reduced(Image.fromarray(levels / np.float32(full)), side), dtype=np.float32)
    return np.repeat(np.clip(reduced, np.float32(0), np.float32(1))[:, :, None], 3, axis=2)


def _lay_over_backdrop(image: Image.Image) -> Colours:
    """Lay a transparent image over white, or over black where what can be seen of it is light.

    Where most of it is opaque (rounded corners, say) the holes get the middle colour of the rest instead.
    """
    pixels = np.asarray(image, dtype=np.float32) / 255
    colours, alpha = pixels[:, :, :3], pixels[:, :, 3:]
    seen = alpha[:, :, 0] >= min(0.5, alpha.max())
    shown = colours[seen]
    backdrop = np.median(shown, axis=0) if seen.mean() > 0.6 else np.float32(shown.mean() < 0.5)
    return colours * alpha + backdrop * (1 - alpha)


def image_from_array(array: NDArray[Any], name: str) -> Image.Image:
    """The image of an array (H, W), (H, W, 3) or (H, W, 4): grey, RGB or RGBA, uint8 or float in 0 … 1.

    Raises `UsageError`, which calls it `name`, for any other array.
    """
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,), (4,)) or not array.size:
        raise UsageError(
            f"{name} is an array of shape {array.shape}, not of (H, W), (H, W, 3) or (H, W, 4).",
            "An array is one picture; several are a list of arrays.",
        )
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0 and array.max() <= 1):
            raise UsageError(f"{name} is an array of {array.dtype} with values beyond 0 … 1.", "Divide it by 255.")
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise UsageError(f"{name} is an array of {array.dtype}, not of uint8, or float in 0 … 1.")
    return Image.fromarray(array)
