"""Finds the images to read: files and their pages, folders, PIL images and arrays; names each of them. No torch."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.errors import PictureError, UsageError
from mnistcnn.ink.decoding import (
    SUFFIXES,
    Decoded,
    decode,
    image_from_array,
    open_decoded,
    read_file,
    read_pages,
)

if TYPE_CHECKING:
    import torch

STDIN = Path("-")
ImageLike: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | torch.Tensor"


@dataclass(frozen=True, slots=True)
class Source:
    """One image to read: its name; its file's path or content, the open image, or the error why it can't be read."""

    name: str
    image: Path | bytes | Image.Image | PictureError

    def decode(self) -> Decoded:
        """Decode the image and turn it upright. Raises `PictureError`, which names it."""
        if isinstance(self.image, PictureError):
            raise self.image
        if isinstance(self.image, Image.Image):
            return open_decoded(self.image, self.name)
        content = self.image if isinstance(self.image, bytes) else read_file(self.image)
        return decode(content, self.name)


def find_sources(images: ImageLike | Iterable[ImageLike], *, recursive: bool = True) -> Iterator[Source]:
    """Yield the single images among `images`, each with the name that its prediction gets.

    `find_images` searches folders. The pages of a TIFF and the frames of an animation are named `scan.tif[1]`,
    `scan.tif[2]` and so on. Raises `UsageError` for an object that is not an image, `PictureError` for a folder
    without images.
    """
    alone = isinstance(images, str | os.PathLike | Image.Image) or hasattr(images, "__array__")
    for number, image in enumerate([images] if alone or not isinstance(images, Iterable) else images, start=1):
        name = f"image {number}"
        if isinstance(image, str | os.PathLike):
            for path in find_images([image], recursive=recursive):
                yield from _find_pages(path)
        elif isinstance(image, Image.Image):
            yield Source(name, image)
        elif hasattr(image, "__array__"):
            try:
                array = np.asarray(image)
            except (TypeError, ValueError, RuntimeError) as error:  # it is a tensor on another device, for example
                raise UsageError(f"{name} can't be converted to a NumPy array: {error}") from error
            yield Source(name, image_from_array(array, name))
        else:
            raise UsageError(f"{name} is of type {type(image).__name__}, not a path, a PIL image or an array.")


def _find_pages(path: Path) -> Iterator[Source]:
    """Yield a file, or each of its pages. A pipe is read here, because it can be read only once."""
    name = str(path)
    image: Path | bytes = path
    try:
        if path == STDIN or not _is_regular(path):
            image = read_file(path)
        with path.open("rb") if isinstance(image, Path) else io.BytesIO(image) as stream:
            number = 0
            for number, page in enumerate(read_pages(stream, name), start=1):
                yield Source(f"{name}[{number}]", page)
    except PictureError as error:
        yield Source(name, error)
    except OSError:
        yield Source(name, path)  # reading it raises the error with its reason
    else:
        if not number:
            yield Source(name, image)


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (OSError, ValueError):
        return True  # reading it, if it is missing for example, raises the error with its reason


def find_images(paths: Iterable[str | os.PathLike[str]], *, recursive: bool = True) -> list[Path]:
    """List the files among `paths`, and the images (by suffix) in the folders among them, in natural order.

    Subfolders are searched if `recursive`; hidden files and folders are skipped. Raises `PictureError` for a folder
    that has no images or can't be read, and for a web address.
    """
    found: list[Path] = []
    for given in paths:
        if "://" in str(given):
            raise PictureError(f"{given} is a web address.", "Save the picture to a file first.")
        path = Path(given)
        if not _is_folder(path):
            found.append(path)
            continue
        inside = _find_inside(path, recursive=recursive)
        if not inside:
            raise PictureError(f"{path} is a folder without pictures.")
        found += inside
    return found


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False  # reading it raises the error with its reason


def _find_inside(folder: Path, *, recursive: bool) -> list[Path]:
    def refuse(error: OSError) -> None:
        raise PictureError(f"{error.filename} can't be read: {error.strerror}.") from error

    found: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            path = Path(place, name)
            if path.suffix.lower() in SUFFIXES and not name.startswith(".") and _is_regular(path):
                found.append(path)
    return sorted(found, key=_natural_order)


def _natural_order(path: Path) -> list[tuple[list[str | int], str]]:
    """Return a key that sorts names as people do: `page9.png` before `page10.png`."""
    split = [re.split(r"(\d+)", part) for part in path.parts]
    return [([int(s) if i % 2 else s.casefold() for i, s in enumerate(each)], "".join(each)) for each in split]
