"""Is a frame one digit at all? A score from the network's own activations; `training.detector` fits it.

A small classifier tells the ten digits, and drawn counterexamples as a class of their own (D. Hendrycks et al., "Deep
anomaly detection with outlier exposure", 2019; S. Mohseni et al., "Self-supervised learning for generalizable
out-of-distribution detection", 2020). It sees the whitened principal components of what pooling and fc1 give, how much
of both lies outside of these components (H. Wang et al., "ViM: out-of-distribution with virtual-logit matching", 2022),
the logits, and how many parts and holes the ink has: a 3 with a hole is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import torch
from torch.nn import functional as F

from mnistcnn.confidence.activations import Activations
from mnistcnn.device import strict_float32
from mnistcnn.model import CLASSES, HIDDEN, SIDE

COMPONENTS = 128  # principal components of each layer
UNITS = 384  # of the classifier
NONE = CLASSES  # its class for what is not one digit
_FAR = 8.0  # standard deviations; what lies farther away counts as this far
_LEVELS = (60, 110, 170)  # of 255; ink above each is looked at
_STEP = 3  # pixels
_TOPOLOGY = len(_LEVELS) + 2 * (SIDE // _STEP)
_MOST_PARTS = 3  # and holes; more count as this many
_INPUTS = 2 * (COMPONENTS + 1) + CLASSES + _TOPOLOGY

_LIKE = {  # the tensors of a detector: shapes and dtypes
    "means": torch.empty(2, HIDDEN, device="meta"),
    "axes": torch.empty(2, HIDDEN, COMPONENTS, dtype=torch.float16, device="meta"),
    "spreads": torch.empty(2, COMPONENTS, device="meta"),
    "residuals": torch.empty(2, 2, device="meta"),
    "unit_weights": torch.empty(UNITS, _INPUTS, device="meta"),
    "unit_biases": torch.empty(UNITS, device="meta"),
    "output_weights": torch.empty(CLASSES + 1, UNITS, device="meta"),
    "output_bias": torch.empty(CLASSES + 1, device="meta"),
    "threshold": torch.empty((), device="meta"),
}
_NO_TOPOLOGY = {"unit_weights": _LIKE["unit_weights"][:, :-_TOPOLOGY]}  # as the first detectors had them
_NO_CLASSES = {"output_weights": _LIKE["output_weights"][0], "output_bias": _LIKE["output_bias"][0]}


@dataclass(frozen=True, slots=True)
class OutlierScores:
    """For N frames: `log_odds` (N,) float32 that a frame is one digit, and whether it is `doubted`, (N,) bool."""

    log_odds: torch.Tensor
    doubted: torch.Tensor


@dataclass(frozen=True, slots=True)
class OutlierDetector:
    """Tells frames of one digit from anything else; float32 but for `axes`, the first of two rows for `pooled`."""

    means: torch.Tensor  # (2, 1024), of the activations of digits
    axes: torch.Tensor  # (2, 1024, COMPONENTS) float16, their principal components
    spreads: torch.Tensor  # (2, COMPONENTS), standard deviations along them
    residuals: torch.Tensor  # (2, 2), mean and standard deviation of the logarithm of what lies outside of them
    unit_weights: torch.Tensor  # (UNITS, inputs)
    unit_biases: torch.Tensor  # (UNITS,)
    output_weights: torch.Tensor  # (11, UNITS), the last row for `NONE`
    output_bias: torch.Tensor  # (11,)
    threshold: torch.Tensor  # (), of the log odds

    @classmethod
    def from_dict(cls, value: object) -> Self:
        """The detector of `to_dict`; `ValueError` where names, shapes or dtypes are others or values not finite."""
        like = dict(_LIKE)
        if isinstance(value, dict):
            value = {n: x if isinstance(x, torch.Tensor) else torch.from_numpy(x.copy()) for n, x in value.items()}
        for older in (_NO_TOPOLOGY, _NO_CLASSES):
            if isinstance(value, dict) and all(getattr(value.get(x), "shape", None) == older[x].shape for x in older):
                like |= older
        tensors = _check_tensors(value, like, "tensors of an outlier detector")
        weights, bias = tensors["output_weights"], tensors["output_bias"]
        tensors["unit_weights"] = F.pad(tensors["unit_weights"], (0, _INPUTS - tensors["unit_weights"].shape[1]))
        if bias.dim() == 0:  # it told digits from the rest, and not from each other
            tensors["output_weights"] = torch.cat([weights.expand(CLASSES, -1), torch.zeros(1, UNITS)])
            tensors["output_bias"] = torch.cat([(bias - math.log(CLASSES)).expand(CLASSES), torch.zeros(1)])
        return cls(**tensors)

    def to_dict(self) -> dict[str, torch.Tensor]:
        """Its tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def score(self, activations: Activations) -> OutlierScores:
        """How sure it is that each frame is one digit, from what the network makes of it."""
        with torch.inference_mode(), strict_float32():
            inputs = detector_inputs(self.means, self.axes, self.spreads, self.residuals, activations)
            units = F.relu(F.linear(inputs, self.unit_weights, self.unit_biases))
            log_odds = log_odds_of(F.linear(units, self.output_weights, self.output_bias))
        return OutlierScores(log_odds, log_odds < self.threshold)


def log_odds_of(logits: torch.Tensor) -> torch.Tensor:
    """The log odds (N,) of being one of the digits, from logits (N, 11) of the digits and `NONE`."""
    return logits[:, :CLASSES].logsumexp(dim=1) - logits[:, NONE]


def detector_inputs(
    means: torch.Tensor, axes: torch.Tensor, spreads: torch.Tensor, residuals: torch.Tensor, activations: Activations
) -> torch.Tensor:
    """What the classifier sees: both layers' whitened components and residuals, the logits by size, the topology."""
    centred = torch.stack([activations.pooled, activations.hidden]) - means[:, None]
    components = centred @ axes.float()
    outside = (log_residual(centred, components) - residuals[:, :1]) / residuals[:, 1:]
    seen = torch.cat([components / spreads[:, None], outside[:, :, None]], dim=2).clamp(-_FAR, _FAR)
    logits = activations.logits.sort(dim=1).values / 10
    topology = torch.cat([describe_topology(part) for part in activations.images.split(1_000)])  # these fit a cache
    return torch.cat([seen[0], seen[1], logits, topology], dim=1)


def log_residual(centred: torch.Tensor, components: torch.Tensor) -> torch.Tensor:
    """The logarithm of the squared length (2, N) of what lies outside of the components."""
    return (centred.square().sum(2) - components.square().sum(2)).clamp_min(1e-6).log()


def describe_topology(images: torch.Tensor) -> torch.Tensor:
    """How many more parts than holes the ink of images (N, 1, 28, 28) uint8 has: (N, 21) float32 in -3 … 3.

    First the ink above three levels, then, of that above the second, what lies up to every third row, and column: in
    this order a digit's bends and loops begin and end. The Euler characteristic is counted by pixels, edges and corners
    (S. B. Gray, "Local properties of binary images in two dimensions", 1971; its course along a direction: K. Turner
    et al., "Persistent homology transform for modeling shapes and surfaces", 2014).
    """
    pixels = np.pad(images[:, 0].numpy(), ((0, 0), (1, 1), (1, 1)))
    across = np.maximum(pixels[:, :, 1:], pixels[:, :, :-1])
    down = np.maximum(pixels[:, 1:], pixels[:, :-1])
    corners = np.maximum(across[:, 1:], across[:, :-1])
    counts = [
        (corners > x).view(np.int8) - (across[:, :-1] > x) - (down[:, :, :-1] > x) + (pixels[:, :-1, :-1] > x)
        for x in _LEVELS
    ]
    found = [count.sum(axis=(1, 2), dtype=np.int32)[:, None] for count in counts]
    found += [counts[1].sum(axis=axis, dtype=np.int32).cumsum(axis=1)[:, _STEP::_STEP] for axis in (2, 1)]
    return torch.from_numpy(np.concatenate(found, axis=1)).clamp(-_MOST_PARTS, _MOST_PARTS).float()


def _check_tensors(value: object, expected: Mapping[str, torch.Tensor], what: str) -> dict[str, torch.Tensor]:
    """`value` if it has finite tensors of the names, shapes and dtypes of `expected`, contiguous; else `ValueError`."""
    if not isinstance(value, dict):
        raise ValueError(f"it holds no {what}")
    if set(value) != set(expected):
        names = sorted(str(name)[:40] for name in set(value) ^ set(expected))
        raise ValueError(f"{what} missing or unknown: {', '.join(names[:4])}{', …' * (len(names) > 4)}")
    checked = {}
    for name, like in expected.items():
        tensor = value[name]
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided or tensor.device.type != "cpu":
            raise ValueError(f"{name} is not a plain tensor")
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            found, wanted = (f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}" for x in (tensor, like))
            raise ValueError(f"{name} is {found}, not {wanted}")
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name} has values that are not finite")
        checked[name] = tensor.detach().contiguous()
    return checked
