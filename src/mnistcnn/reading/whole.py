"""All of the ink as one digit: the marks that belong to it, without specks, frames and shadows at the edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mnistcnn.ink.components import are_several, find_components, is_alone, select_components
from mnistcnn.ink.framing import Ink, ink_box
from mnistcnn.ink.strokes import dilate_square
from mnistcnn.reading.lattice import Segment
from mnistcnn.reading.marks import Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage. All are guesses."""

    joined_share: float = 1 / 160  # of the page's longer side; ink grows by so much, which joins broken strokes
    least_joined_ink: float = 0.5  # 0 … 1; ink with more belongs to a stroke
    least_edge_ink: float = 0.25  # 0 … 1; the box of the digit contains all of its ink with more


PARAMS = Params()


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The ink taken as one digit.

    `alone` says that it is one connected mark with no large mark around it, `several` that it is several marks side by
    side.
    """

    mark: Mark
    alone: bool
    several: bool

    @property
    def segment(self) -> Segment:
        """The digit as the only segment of a row."""
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
    """The ink of a page, (height, width) in 0 … 1, that belongs to its only digit; None if there is no ink."""
    joined = dilate_square(ink, int(max(ink.shape) * PARAMS.joined_share))
    parts = find_components(joined > PARAMS.least_joined_ink)
    chosen = select_components(parts)
    kept = np.where(parts.mask(chosen), ink, np.float32(0))
    box = ink_box(kept, least=PARAMS.least_edge_ink)
    if box is None:
        return None
    rows, columns = box
    return Whole(
        mark=Mark(rows.start, columns.start, np.ascontiguousarray(kept[box])),
        alone=is_alone(parts, chosen),
        several=are_several(parts, chosen),
    )
