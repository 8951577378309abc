"""The results of reading an image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Frame
from mnistcnn.reading.look import PixelBox
from mnistcnn.results import Result


@dataclass(frozen=True, slots=True)
class Candidate(Result):
    """A digit and its probability."""

    digit: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedDigit(Result):
    """One digit of an image. `digit` is None where it is unsure or doubted; `top` says what it may be."""

    digit: int | None
    confidence: float  # that it is this one, if it is a digit
    top: list[Candidate]  # the likeliest first
    box: PixelBox  # left, top, right and bottom edge in pixels of the upright original
    row: int  # from 0, from top to bottom
    space: bool = False  # there is a gap between words before it
    doubted: bool = False  # it may not be a digit


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadMark(Result):
    """A mark that was not read as a digit: the sign that it is, one of `. , : - /`, or None."""

    text: str | None
    box: PixelBox  # left, top, right and bottom edge in pixels of the upright original
    row: int  # from 0, from top to bottom
    digits_before: int  # digits of the image that precede it


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The digits of an image in reading order, how sure it is that all of them are right, and a warning.

    Each digit's `top` has all ten. `frames` is what the network saw of each, `original` (height, width) uint8 the
    image's luminance, reduced to at most 640 pixels either way.
    """

    digits: list[PredictedDigit]
    frames: list[Frame]
    confidence: float | None
    warning: str | None
    original: NDArray[np.uint8]
    marks: list[UnreadMark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Prediction(Result):
    """What one image was read as.

    `digit` is that of an image with exactly one; None where there was an error, nothing to read, several digits, or
    the one is unsure. `text` is all that is written, rows joined by newlines, a `?` for each unsure or doubted digit.
    """

    path: str  # with `[2]` for the second page of a file; `image 1` for the first of the images given without a path
    digit: int | None = None
    confidence: float | None = None  # that all of it is right
    top: list[Candidate] = field(default_factory=list)  # of exactly one digit
    warning: str | None = None  # nothing on it, no digit, or several where there should be one
    error: str | None = None
    hint: str | None = None  # what helps against the error
    unsure: bool = False
    text: str | None = None
    digits: list[PredictedDigit] = field(default_factory=list)  # in reading order
    marks: list[UnreadMark] = field(default_factory=list)  # in reading order
