"""What can be read: image files, folders of them, PIL images and arrays, each with a name. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.errors import PictureError, UsageError
from mnistcnn.ink.decoding import SUFFIXES, Decoded, decode, image_from_array, open_decoded, read_file

if TYPE_CHECKING:
    import torch

STDIN = Path("-")
ImageLike: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | torch.Tensor"


@dataclass(frozen=True, slots=True)
class Source:
    """One image to be read: its name, and the file's path or content, or the open image."""

    name: str
    image: Path | bytes | Image.Image

    def held(self) -> Source:
        """The same, with the content of standard input, which can be read just once. Raises `PictureError`."""
        return replace(self, image=read_file(STDIN)) if self.image == STDIN else self

    def decode(self) -> Decoded:
        """The image, upright. Raises `PictureError` naming it."""
        if isinstance(self.image, Image.Image):
            return open_decoded(self.image, self.name)
        content = self.image if isinstance(self.image, bytes) else read_file(self.image)
        return decode(content, self.name)


def find_sources(images: ImageLike | Iterable[ImageLike]) -> Iterator[Source]:
    """The single images among `images`, each with the name that its prediction gets.

    Raises `UsageError` for what is no image, `PictureError` for a folder without images.
    """
    alone = isinstance(images, str | os.PathLike | Image.Image) or hasattr(images, "__array__")
    for number, image in enumerate([images] if alone or not isinstance(images, Iterable) else images, start=1):
        name = f"image {number}"
        if isinstance(image, str | os.PathLike):
            yield from (Source(str(path), path) for path in find_images([image]))
        elif isinstance(image, Image.Image):
            yield Source(name, image)
        elif hasattr(image, "__array__"):
            try:
                array = np.asarray(image)
            except (TypeError, ValueError, RuntimeError) as error:  # a tensor on another device, say
                raise UsageError(f"{name} can't be made a numpy array: {error}") from error
            yield Source(name, image_from_array(array, name))
        else:
            raise UsageError(f"{name} is of type {type(image).__name__}, not a path, a PIL image or an array.")


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files among `paths` and, sorted by name, the images (by suffix) in the folders among them.

    Raises `PictureError` for a folder without any, and for an address.
    """
    found: list[Path] = []
    for given in paths:
        if "://" in str(given):
            raise PictureError(f"{given} is a web address.", "Save the picture to a file first.")
        path = Path(given)
        if not path.is_dir():
            found.append(path)
            continue
        try:
            inside = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
        except OSError as error:
            raise PictureError(f"{path} can't be read: {error.strerror}.") from error
        if not inside:
            raise PictureError(f"{path} is a folder without pictures.")
        found += inside
    return found
