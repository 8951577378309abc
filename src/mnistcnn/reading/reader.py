"""Reads the digits of an image.

Each step is one function: the file is decoded, the ink is found on its paper (`find_sheet`), its marks are gathered in
rows (`look_at`), everything in a row that may be one digit is scored by the network and the detector, the best path
through a row is its reading (`read_rows`), and of all readings of the image the one that explains most of it is kept
(`_interpret`, `evidence`). A single digit is a number of length one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from mnistcnn.checkpoints.checkpoint import Checkpoint
from mnistcnn.errors import PictureError
from mnistcnn.ink.decoding import Decoded
from mnistcnn.ink.framing import SIDE, Frame, ink_box, is_framed
from mnistcnn.ink.ruled_lines import remove_rules
from mnistcnn.ink.sheet import SURFACE_SIDE, Matrix, Paper, Sheet, find_sheet, is_flat
from mnistcnn.ink.surface import LUMINANCE, project
from mnistcnn.reading.decide import doubted_digits, evidence, interpret
from mnistcnn.reading.look import Look, PixelBox, look_at, picture_box
from mnistcnn.reading.results import NOTHING, SEVERAL, TOO_MANY, Candidate, PredictedDigit, Reading, UnreadMark
from mnistcnn.reading.scorer import Scorer
from mnistcnn.reading.scores import RowReading, Score, read_rows, read_segment
from mnistcnn.reading.sources import Source
from mnistcnn.reading.whole import Whole, find_whole
from mnistcnn.system.container import cpu_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses."""

    clear_log_probability: float = math.log(0.8)  # of a digit that needs no second look
    small_pixels: int = 64  # either way; an image as small has no shadow and no page that needs a second look
    least_evidence: float = 0.3  # of a convincing reading; a clear digit has more
    least_space_heights: float = 0.9  # of the row; a gap between words is wider
    least_space_times: float = 2.2  # the usual gap; a gap between words is wider
    usual_quantile: float = 0.25  # of the gaps in a row; the usual gap, although half of them may be between words


PARAMS = Params()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """The rows that a look was read as, and how much of the image they explain.

    `matrix` maps the pixels of their marks to those of the upright image. `whole` is all of the ink as one digit. If
    this is the reading and needs no second look, it is `clear`.
    """

    look: Look
    rows: list[RowReading]
    matrix: Matrix
    whole: Whole | None
    clear: bool
    evidence: float


class Predictor:
    """A trained network kept ready to read images; any number of threads may use it on the CPU."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        """The predictor of a checkpoint; `auto` is the CPU, which is ready sooner than a GPU. Raises `DeviceError`."""
        self.checkpoint = checkpoint
        self.scorer = Scorer(checkpoint, device)
        self._cores = cpu_count()

    def read(
        self, sources: Iterable[Source], *, invert: bool | None = None, single: bool = False
    ) -> Iterator[tuple[Source, Reading | PictureError]]:
        """Yield the reading of each image with its source, in order; a few are read at once. See `read_picture`."""

        def read_source(source: Source) -> tuple[Source, Reading | PictureError]:
            try:
                decoded = source.decode()
                framed = frame_of(decoded, invert)
                if framed is not None:
                    return source, read_frame(framed, self.scorer.score_as_is)
                return source, read_picture(decoded, self.scorer.score, invert=invert, single=single)
            except PictureError as error:
                return source, error
            except MemoryError:
                return source, PictureError(f"{source.name} is too large for the memory that is left.")

        rest = iter(sources)
        with ThreadPoolExecutor(self._cores) as pool:
            while batch := list(islice(rest, self._cores)):
                if len(batch) == 1:  # in this thread, so that Ctrl-C ends the wait for standard input
                    yield read_source(batch[0])
                else:
                    yield from pool.map(read_source, batch)


def read_picture(decoded: Decoded, score: Score, *, invert: bool | None = None, single: bool = False) -> Reading:
    """Read the digits of an image; `score` scores frames by the network and the detector.

    `invert` true says that digits are darker than their paper, false that they are lighter; None finds out. With
    `single` the image has exactly one digit.
    """
    original = np.rint(255 * project(decoded.colours(SURFACE_SIDE), LUMINANCE)).astype(np.uint8)
    found: list[Interpretation] = []
    for paper in Paper:
        # The second model finds what a shadow, a fold or a table hides from the first; a plain image has none of them.
        if found and found[-1].evidence > 0 and _is_plain(decoded):
            break
        if (sheet := find_sheet(decoded, paper, invert)) is not None:
            found.append(_interpret(sheet, decoded, score, single=single))
            if found[-1].clear:
                break
    if not any(each.clear or each.evidence >= PARAMS.least_evidence for each in found):
        # Perhaps there is no page where one was found, or light next to a shadow or a table was taken for ink.
        dark = True if invert is None else invert
        if (sheet := find_sheet(decoded, Paper.WINDOW, dark, page=False)) is not None:
            found.append(_interpret(sheet, decoded, score, single=single))
    best = max(found, key=attrgetter("evidence"), default=None)
    if best is None or not best.rows:
        warning = TOO_MANY if best is not None and best.look.too_many else NOTHING
        return Reading(digits=[], frames=[], confidence=None, warning=warning, original=original)
    return _make_reading(best, original, single=single)


def _is_plain(decoded: Decoded) -> bool:
    return max(decoded.size) <= PARAMS.small_pixels or is_flat(decoded.colours(SURFACE_SIDE))


def _interpret(sheet: Sheet, decoded: Decoded, score: Score, *, single: bool) -> Interpretation:
    """The best reading of a sheet: its rows, or all of its ink as one digit."""
    whole = find_whole(remove_rules(sheet.ink))
    one = None if whole is None else read_segment(whole.segment, score)
    clear = False
    if whole is not None and one is not None:
        likely = float(one.scores.log_probabilities[0]) > PARAMS.clear_log_probability
        is_stroke = one.scores.digits[0] == 1  # as the edge of a shadow is
        clear = likely and whole.alone and not sheet.on_page and not is_stroke
    look = look_at(sheet, decoded.size, rows=not (single or clear))
    rows = interpret(whole, one, read_rows(look.rows, score))
    matrix = sheet.matrix if any(row is one for row in rows) else look.matrix
    return Interpretation(look=look, rows=rows, matrix=matrix, whole=whole, clear=clear, evidence=evidence(rows))


def frame_of(decoded: Decoded, invert: bool | None = None) -> Frame | None:
    """The frame (28, 28) uint8 of an image that already looks like MNIST's; None for any other image."""
    if not decoded.grey or invert is True or decoded.size != (SIDE, SIDE):
        return None
    pixels = np.rint(255 * project(decoded.colours(), LUMINANCE)).astype(np.uint8)
    return pixels if is_framed(pixels) else None


def read_frame(frame: Frame, score: Score) -> Reading:
    """Read an image (28, 28) uint8 that already looks like MNIST's."""
    scores = score([frame])
    found = ink_box(frame)
    assert found is not None  # `is_framed` saw ink
    rows, columns = found
    box = (columns.start, rows.start, columns.stop, rows.stop)
    digit = _make_digit(scores.probabilities[0], doubted=bool(scores.doubted[0]), box=box)
    return Reading(digits=[digit], frames=[frame], confidence=digit.confidence, warning=None, original=frame)


def _make_reading(interpretation: Interpretation, original: NDArray[np.uint8], *, single: bool) -> Reading:
    look = interpretation.look
    rows = interpretation.rows
    matrix = interpretation.matrix
    warning = TOO_MANY if look.too_many else None
    alone = len(rows) == 1 and len(rows[0].segments) == 1
    if single and interpretation.whole is not None and interpretation.whole.several:
        warning = SEVERAL
    digits: list[PredictedDigit] = []
    marks: list[UnreadMark] = []
    for number, row in enumerate(rows):
        for sign in row.signs:
            before = len(digits) + sum(segment.mark.x < sign.mark.x for segment in row.segments)
            box = picture_box(sign.mark, matrix, look.size)
            marks.append(UnreadMark(text=sign.text, box=box, row=number, digits_before=before))
        doubted = row.scores.doubted if alone else doubted_digits(row, rows)
        spaces = _find_spaces(row)
        for i, segment in enumerate(row.segments):
            box = picture_box(segment.mark, matrix, look.size)
            probabilities = row.scores.probabilities[i]
            digit = _make_digit(probabilities, doubted=bool(doubted[i]), box=box, row=number, space=spaces[i])
            digits.append(digit)
    return Reading(
        digits=digits,
        frames=[segment.frame for row in rows for segment in row.segments],
        confidence=float(np.prod(np.concatenate([row.confidences for row in rows]))),
        warning=warning,
        original=original,
        marks=marks,
    )


def _make_digit(
    probabilities: NDArray[np.float64], *, doubted: bool, box: PixelBox, row: int = 0, space: bool = False
) -> PredictedDigit:
    """A digit with all ten candidates; `probabilities` (10,) are those of the ten digits."""
    ranked = np.argsort(-probabilities, kind="stable").tolist()
    top = [Candidate(digit, float(probabilities[digit])) for digit in ranked]
    digit = None if doubted else top[0].digit
    return PredictedDigit(
        digit=digit, confidence=top[0].confidence, top=top, box=box, row=row, space=space, doubted=doubted
    )


def _find_spaces(row: RowReading) -> list[bool]:
    """For each digit of a row, whether there is a gap between words before it."""
    marks = [segment.mark for segment in row.segments]
    gaps = [after.left - before.right for before, after in pairwise(marks)]
    least = math.inf
    if len(gaps) > 1:
        usual = max(float(np.quantile(gaps, PARAMS.usual_quantile, method="lower")), 0.0)
        least = max(PARAMS.least_space_heights * row.height, PARAMS.least_space_times * usual)
    return [False, *(gap > least for gap in gaps)]
