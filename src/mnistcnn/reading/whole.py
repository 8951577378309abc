"""All of the ink as one digit: the marks that belong to it, without specks, frames and shadows at the edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnistcnn.ink.components import are_several, find_components, is_alone, select_components
from mnistcnn.ink.framing import Ink, ink_box
from mnistcnn.ink.strokes import dilate_square
from mnistcnn.reading.lattice import Segment
from mnistcnn.reading.marks import Mark

_JOINED_SHARE = 1 / 160  # of the picture's side; strokes as close as this hang together, where a line is broken
_LEAST_INK = 0.25  # of full ink; what is paler at the edge of a digit does not count for its box


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The ink taken as one digit; whether it is one connected mark with nothing large around it; whether it is several
    marks side by side."""

    mark: Mark
    alone: bool
    several: bool

    @property
    def segment(self) -> Segment:
        """The same, as a segment of a row of its own."""
        return Segment(
            first=0,
            last=1,
            mark=self.mark,
            height=self.mark.height,
            stretch=1.0,
            cuts=0.0,
            narrow=0.0,
            joins=0.0,
            size=0.0,
        )


def find_whole(ink: Ink) -> Whole | None:
    """The marks of a page's ink that belong to one digit, if there is just one; None where there is no ink."""
    parts = find_components(dilate_square(ink, int(max(ink.shape) * _JOINED_SHARE)) > 0.5)
    chosen = select_components(parts)
    kept = np.where(parts.mask(chosen), ink, np.float32(0))
    box = ink_box(kept, least=_LEAST_INK)
    if box is None:
        return None
    rows, columns = box
    return Whole(
        mark=Mark(rows.start, columns.start, np.ascontiguousarray(kept[box])),
        alone=is_alone(parts, chosen),
        several=are_several(parts, chosen),
    )
