"""What people photograph, scan and draw → what the network should see. No torch.

The steps, each a small pure function: colours → smooth background away (`flatten`) → ink against paper
(`find_ink`) → a page found in the picture (`find_page`) → coarse background away (`remove_backdrop`) → grey
levels to ink between 0 and 1 (`to_ink`) → the parts that belong to the digit (`choose_parts`) → strokes as
wide as MNIST's (`adjust_strokes`) → MNIST's frame (`framing.frame`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.components import Components, Mask, find_components
from mnistcnn.decoding import Colours, decode
from mnistcnn.framing import SIDE, Frame, Ink, fit_box, frame, ink_box
from mnistcnn.strokes import adjust_strokes, spread

Grey = NDArray[np.float32]  # (height, width); 0 is paper, positive is ink, of any scale

NOTHING = "nothing but background"
SEVERAL = "several separate digits"
_LUMINANCE = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
_LEAST_CONTRAST = 0.03  # of full scale, between ink and paper
_LEAST_SIGNAL = 5.0  # ink against the noise of the paper, in standard deviations
_LEAST_BACKDROP = 0.3  # of the picture
_COARSE = 96  # pixels; backgrounds are smooth enough to be looked at this small


@dataclass(frozen=True, slots=True)
class Reading:
    """What the network should see of a picture, and what is odd about it (`NOTHING`, `SEVERAL` or None).

    `frame` (28, 28) uint8, 0 paper … 255 ink; `original` (height, width) uint8 luminance, at most 640 pixels.
    """

    frame: Frame
    original: NDArray[np.uint8]
    warning: str | None = None


def read_picture(path: Path, invert: bool | None = None) -> Reading:
    """Read a picture file of one digit; `-` is standard input.

    `invert` true says that the digit is darker than its paper, false that it is lighter; None finds out.
    Raises `PictureError` naming the file.
    """
    colours, grey = decode(path)
    original = np.rint(colours @ _LUMINANCE * 255).astype(np.uint8)
    if grey and invert is not True and is_framed(original):
        return Reading(original, original)
    ink, warning = extract_ink(colours, invert)
    framed = np.zeros((SIDE, SIDE), dtype=np.uint8) if ink is None else frame(adjust_strokes(ink))
    return Reading(framed, original, warning)


def is_framed(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture already is as MNIST's are: 28×28, light on black, its box 20 high or wide, centred."""
    if picture.shape != (SIDE, SIDE) or picture.max() < 250:
        return False
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
    box = ink_box(picture.astype(np.float32))
    if corners.any() or box is None or np.count_nonzero(picture) > SIDE * SIDE // 2:
        return False
    sides = [span.stop - span.start for span in box]
    weights = picture.astype(np.float64)
    middle = np.arange(SIDE)
    centre = [weights.sum(axis=1) @ middle / weights.sum(), weights.sum(axis=0) @ middle / weights.sum()]
    return 19 <= max(sides) <= 20 and all(13.4 <= c <= 14.6 for c in centre)


def extract_ink(colours: Colours, invert: bool | None = None, *, in_page: bool = False) -> tuple[Ink | None, str | None]:
    """The ink of the digit, cropped to its box, (height, width) in 0 … 1, and what is odd about it.

    The ink is None where there is nothing but background.
    """
    grey = find_ink(flatten(colours), invert)
    if not in_page and (page := find_page(grey)) is not None:
        inside, warning = extract_ink(colours[page], invert, in_page=True)
        if inside is not None:
            return inside, warning
    ink = to_ink(remove_backdrop(grey))
    if ink is None:
        return None, NOTHING
    ink = remove_rules(ink)
    parts = find_components(_thickened(ink > 0.5))
    chosen = choose_parts(parts)
    if not chosen.any():
        return None, NOTHING
    kept = np.where(parts.mask(chosen), ink, np.float32(0))
    box = ink_box(kept, least=0.25)
    if box is None:
        return None, NOTHING
    return kept[box], SEVERAL if are_several(parts, chosen) else None


def flatten(colours: Colours) -> Colours:
    """Subtract the paper's colour, taken as a smooth surface: what is left is about 0 on the paper.

    A quadratic surface for each channel is fitted to the border first, which is assumed to be mostly paper,
    then to all that lies near it: gradients and vignettes go away, ink and pasted rectangles stay.
    """
    height, width, _ = colours.shape
    coarse = _resized(colours, (min(width, _COARSE), min(height, _COARSE)))
    terms = _surface_terms(*coarse.shape[:2])
    target = coarse.reshape(-1, 3).astype(np.float64)
    border = _border(*coarse.shape[:2]).ravel()
    paper = np.median(target[border], axis=0)
    weights = border * _nearness(target - paper, spread=0.15)
    surface = np.zeros((terms.shape[1], 3))
    for _ in range(6):
        scaled = terms * weights[:, None]
        # The small ridge keeps the surface flat where no paper says how it bends.
        surface = np.linalg.solve(scaled.T @ terms + 1e-3 * len(terms) * _RIDGE, scaled.T @ (target - paper))
        residual = target - paper - terms @ surface
        weights = _nearness(residual, spread=0.05) * np.where(border, 3.0, 1.0)
    fitted = (terms @ surface + paper).reshape(coarse.shape).astype(np.float32)
    return colours - _resized(fitted, (width, height), Image.Resampling.BILINEAR)


_RIDGE = np.diag([0.0, 1.0, 1.0, 2.0, 2.0, 2.0])


def _surface_terms(height: int, width: int) -> NDArray[np.float64]:
    """1, x, y, xy, x², y² at each pixel, (height · width, 6), with x and y from -1 to 1."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).reshape(-1, 6)


def _nearness(residual: NDArray[np.float64], spread: float) -> NDArray[np.float64]:
    """Geman and McClure's weights: 1 on the surface, next to nothing far from it."""
    weights: NDArray[np.float64] = 1 / (1 + (np.abs(residual).max(axis=1) / spread) ** 2) ** 2
    return weights


def _border(height: int, width: int) -> Mask:
    """The outermost pixels of a picture, a twentieth of its shorter side wide."""
    wide = max(1, min(height, width) // 20)
    border = np.ones((height, width), dtype=bool)
    border[wide:-wide, wide:-wide] = False
    return border


def find_ink(flat: Colours, invert: bool | None = None) -> Grey:
    """Project flattened colours on the direction from paper to ink, so that coloured ink keeps its contrast.

    The direction is that of the pixels that differ most from the paper; with `invert` given, of those that
    are darker (true) or lighter (false) than it.
    """
    pixels = flat.reshape(-1, 3)
    luminance = pixels @ _LUMINANCE
    distance = np.maximum(np.maximum(abs(pixels[:, 0]), abs(pixels[:, 1])), abs(pixels[:, 2]))
    if invert is not None:
        distance = np.where((luminance < 0) == invert, distance, 0)
    far = distance >= max(np.quantile(distance, 0.98), 0.5 * distance.max(), 1e-6)
    side = np.sign(luminance[far] @ distance[far]) or 1.0
    alike = far & (luminance * side >= 0)
    direction = pixels[alike if alike.any() else far].mean(axis=0) if far.any() else np.zeros(3)
    if invert is not None and (direction @ _LUMINANCE > 0) == invert:
        direction = np.full(3, -1.0 if invert else 1.0)
    length = float(np.abs(direction).sum())
    if length == 0.0:
        return np.zeros(flat.shape[:2], dtype=np.float32)
    grey: Grey = (pixels @ (direction / length)).reshape(flat.shape[:2]).astype(np.float32)
    return grey  # full contrast in all the channels that take part is 1


def find_page(grey: Grey) -> tuple[slice, slice] | None:
    """Rows and columns inside a page that lies on a darker or lighter table: a large, filled box of "ink"."""
    high = float(np.quantile(grey, 0.98))
    if high < _LEAST_CONTRAST:
        return None
    mask = grey > 0.5 * high
    parts = find_components(mask)
    i = int(parts.areas.argmax())
    top, bottom, left, right = (int(edge[i]) for edge in (parts.top, parts.bottom, parts.left, parts.right))
    height, width = bottom - top, right - left
    if height * width < 0.2 * grey.size or min(height, width) < SIDE:
        return None
    inside = parts.labels[top:bottom, left:right] == i + 1
    # A 0 fills four fifths of its box between its outlines, and much less with its ink.
    if min(_outlined(inside), _outlined(inside.T)) < 0.85 or mask[top:bottom, left:right].mean() < 0.7:
        return None
    off = max(2, round(0.04 * min(height, width)))
    return slice(top + off, bottom - off), slice(left + off, right - off)


def _outlined(mask: Mask) -> float:
    """The share of a mask's pixels between the first and the last that is set in each row."""
    first, last = mask.argmax(axis=1), mask.shape[1] - mask[:, ::-1].argmax(axis=1)
    return float(((last - first) * mask.any(axis=1)).sum() / mask.size)


def remove_backdrop(grey: Grey) -> Grey:
    """Subtract what is brighter than the paper over more than a third of the picture: shadows, pasted boxes.

    A morphological opening, looked at small; nothing changes where it finds nothing to speak of.
    """
    height, width = grey.shape
    scale = min(1.0, _COARSE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    coarse = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX), dtype=np.float32)
    window = max(3, round(max(size) / 3)) | 1
    backdrop = _slide(_slide(coarse, window, np.min), window, np.max)
    bright = backdrop >= 0.1 * float(grey.max())
    if bright.mean() < _LEAST_BACKDROP or np.median(backdrop[bright]) > 0.75 * float(grey.max()):
        return grey  # nothing there, or the blots of a fat brush
    smooth = Image.fromarray(np.maximum(backdrop, 0)).resize((width, height), Image.Resampling.BILINEAR)
    return grey - np.asarray(smooth, dtype=np.float32)


def _slide(grey: Grey, window: int, best: type[np.min] | type[np.max]) -> Grey:  # type: ignore[valid-type]
    """The least or greatest value in a square window around each pixel, at the edges in what there is of it."""
    half = window // 2
    for axis in (0, 1):
        pad = [(half, half) if a == axis else (0, 0) for a in (0, 1)]
        grey = best(sliding_window_view(np.pad(grey, pad, mode="edge"), window, axis=axis), axis=-1)
    return grey


def to_ink(grey: Grey) -> Ink | None:
    """Grey levels to ink, 0 … 1, with the levels of the edges kept; None where nothing stands out.

    Otsu's threshold, kept between a fifth and six tenths of the strongest ink; paper is what lies below half
    of it, full ink what reaches the middle level of all above it.
    """
    smooth = _denoised(grey)
    strongest = float(np.partition(smooth.ravel(), -_few(smooth.size))[-_few(smooth.size) :].mean())
    if strongest < _LEAST_CONTRAST:
        return None
    threshold = min(max(otsu(smooth / strongest) * strongest, 0.2 * strongest), 0.6 * strongest)
    paper = smooth[smooth < threshold]
    noise = 1.4826 * float(np.median(np.abs(paper - np.median(paper)))) if paper.size else 0.0
    full = float(np.median(smooth[smooth >= threshold]))
    if full < _LEAST_SIGNAL * noise:
        return None
    low = 0.5 * threshold
    return np.clip((smooth - low) / max(full - low, 1e-6), 0, 1).astype(np.float32)


def _few(size: int) -> int:
    """How many of the strongest pixels are looked at: five in a thousand, three at the least."""
    return min(size, max(3, size // 200))


def _denoised(grey: Grey) -> Grey:
    """Smooth a large picture by less than the width of a hairline, and by more where its paper is noisy."""
    radius = max(grey.shape) / 640
    if radius < 0.3:
        return grey
    rough = float(np.median(np.abs(np.diff(grey, axis=1)))) / max(float(grey.max()), 1e-6)
    radius *= 1.0 if rough < 0.02 else 1.6
    return blur(grey, radius)


def blur(grey: Grey, deviation: float) -> Grey:
    """Gaussian blur with this standard deviation in pixels; edges are repeated outwards."""
    reach = int(3 * deviation + 0.5)
    if reach == 0:
        return grey
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in (0, 1)]
        padded, length = np.pad(grey, pad, mode="edge"), grey.shape[axis]
        grey = np.zeros_like(grey)
        for offset, weight in enumerate(kernel):
            window = slice(offset, offset + length)
            grey += np.float32(weight) * (padded[window] if axis == 0 else padded[:, window])
    return grey


def otsu(grey: Grey) -> float:
    """The threshold that parts levels into two classes best, between 0 and 1.

    Source: N. Otsu, "A threshold selection method from gray-level histograms" (1979).
    """
    counts, edges = np.histogram(np.clip(grey, 0, 1), bins=128, range=(0.0, 1.0))
    middles = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(counts), counts.sum() - np.cumsum(counts)
    sums = np.cumsum(counts * middles)
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    between = np.nan_to_num(between)
    # Between two far classes many thresholds are equally good: the middle one.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(edges[1 + int(best[len(best) // 2])])


def remove_rules(ink: Ink) -> Ink:
    """Take out ruled lines: thin, straight, from one edge of the picture to the other, across or down."""
    for turn in (False, True):
        turned = ink.T if turn else ink
        rules = _rule_rows(turned > 0.35)
        if rules.any():
            turned = np.where(rules & ~_crossed(turned > 0.5, rules), np.float32(0), turned)
            ink = turned.T if turn else turned
    return np.ascontiguousarray(ink)


def _rule_rows(mask: Mask) -> Mask:
    """The pixels of rows that are ink nearly from edge to edge, if they are thin enough to be ruled lines."""
    height, width = mask.shape
    if width < 2 * SIDE:
        return np.zeros_like(mask)
    ruled = (mask.mean(axis=1) > 0.8) & mask[:, : width // 20 + 1].any(axis=1) & mask[:, -(width // 20) - 1 :].any(axis=1)
    if not ruled.any() or ruled.mean() > 0.25:
        return np.zeros_like(mask)
    near = ruled | np.roll(ruled, 1) | np.roll(ruled, -1)
    return np.repeat(near[:, None], width, axis=1)


def _crossed(mask: Mask, rules: Mask) -> Mask:
    """Where ink goes on above and below a ruled line: the digit's strokes that cross it."""
    free = mask & ~rules
    above, below = np.zeros_like(mask), np.zeros_like(mask)
    for row in range(1, len(mask)):
        above[row] = free[row - 1] | (above[row - 1] & rules[row - 1])
    for row in range(len(mask) - 2, -1, -1):
        below[row] = free[row + 1] | (below[row + 1] & rules[row + 1])
    return above & below


def _thickened(mask: Mask) -> Mask:
    """The mask grown by about a hundredth of its side, so that broken lines hang together."""
    return spread(mask, max(mask.shape) // 160)


def choose_parts(parts: Components) -> Mask:
    """Which parts belong to the digit, (count,): not specks, nor frames and shadows at the picture's edge.

    Kept are the parts with a twentieth of the largest one's area or a quarter of its extent.
    """
    height, width = parts.labels.shape
    extents = np.hypot(parts.heights, parts.widths)
    edges = np.stack([parts.top == 0, parts.left == 0, parts.bottom == height, parts.right == width])
    spans = (parts.heights >= 0.9 * height) | (parts.widths >= 0.9 * width)
    outside = (edges.sum(axis=0) >= 3) | ((edges.sum(axis=0) >= 1) & spans & (parts.areas < 0.5 * parts.heights * parts.widths))
    outside |= (edges.sum(axis=0) >= 2) & (np.minimum(parts.heights, parts.widths) < 0.5 * min(height, width))
    inside = ~outside & ~edges.any(axis=0)
    # A digit may touch the edge itself: only a part of some size inside makes those at the edge suspicious.
    if not (inside & (extents >= 0.2 * min(height, width))).any():
        outside[:] = False
    areas = np.where(outside, 0, parts.areas)
    if not len(areas) or areas.max() == 0:
        return np.zeros(len(areas), dtype=bool)
    main = int(areas.argmax())
    large = (areas >= 0.05 * areas[main]) | (extents >= 0.25 * extents[main])
    kept: Mask = large & ~outside
    return kept


def are_several(parts: Components, chosen: Mask) -> bool:
    """Whether the chosen parts are digits side by side: apart, each of more than half the whole height."""
    top, bottom = parts.top[chosen], parts.bottom[chosen]
    height = int(bottom.max() - top.min())
    tall = chosen & (parts.heights >= 0.6 * height)
    order = np.argsort(parts.left[tall])
    left, right = parts.left[tall][order], parts.right[tall][order]
    if len(left) < 2:
        return False
    gaps = left[1:] - np.maximum.accumulate(right)[:-1]
    whole = int(right.max() - left.min())
    return bool(gaps.max() >= 0.12 * height and whole >= 0.9 * height)


def _resized(
    colours: Colours, size: tuple[int, int], method: Image.Resampling = Image.Resampling.BOX
) -> Colours:
    """Colours scaled to `size`, (width, height)."""
    channels = (Image.fromarray(np.ascontiguousarray(colours[:, :, c])).resize(size, method) for c in range(3))
    return np.stack([np.asarray(channel) for channel in channels], axis=-1)


__all__ = ["NOTHING", "SEVERAL", "Reading", "extract_ink", "fit_box", "read_picture"]
