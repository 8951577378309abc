"""The results of reading an image."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mnistcnn.ink.framing import Frame
from mnistcnn.reading.look import PixelBox
from mnistcnn.results import Result

# The warnings of a reading.
NOTHING = "nothing but background"
SEVERAL = "several separate digits"
TOO_MANY = "too many marks; only the largest were looked at"
DOUBTED = "probably not a digit"
PARTLY_DOUBTED = "some of the marks may not be digits"


@dataclass(frozen=True, slots=True)
class Candidate(Result):
    """A digit and its probability, 0 … 1."""

    digit: int
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictedDigit(Result):
    """One digit of an image. `digit` is None if it is unsure or doubted; `top` has the likeliest digits."""

    digit: int | None
    confidence: float  # the probability of the likeliest digit, provided that the mark is a digit
    top: list[Candidate]  # the likeliest first
    box: PixelBox  # left, top, right and bottom edge in pixels of the upright original
    row: int  # from 0, from top to bottom
    space: bool = False  # there is a gap between words before it
    doubted: bool = False  # it may not be a digit at all


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadMark(Result):
    """A mark that was not read as a digit; `text` is its sign, one of `. , : - /`, or None if it is none of them."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction(Result):
    """The reading of one image.

    `digit` is set if the image has exactly one digit that is neither unsure nor doubted. `text` has all digits and
    signs, rows joined by newlines, with a `?` for each unsure or doubted digit.
    """

    path: str  # `scan.tif[2]` is the second page of a file, `image 1` the first image that was given without a path
    digit: int | None = None
    confidence: float | None = None  # the probability that all digits are right
    top: list[Candidate] = field(default_factory=list)  # the candidates if there is exactly one digit
    warning: str | None = None  # a doubt about the reading, such as an empty image or marks that may not be digits
    error: str | None = None
    hint: str | None = None  # how to avoid the error
    unsure: bool = False
    text: str | None = None
    digits: list[PredictedDigit] = field(default_factory=list)  # in reading order
    marks: list[UnreadMark] = field(default_factory=list)  # in reading order
