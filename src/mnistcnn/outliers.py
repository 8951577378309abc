"""Is a frame one digit at all? A score from the network's own activations, fitted once training has ended.

A small classifier tells digits from drawn counterexamples (D. Hendrycks et al., "Deep anomaly detection with outlier
exposure", 2019). It sees the whitened principal components of what pooling and fc1 give, how much of both lies outside
of these components (H. Wang et al., "ViM: out-of-distribution with virtual-logit matching", 2022), and the logits.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
import torch
from torch.nn import functional as F

from mnistcnn.archive import check_tensors
from mnistcnn.counterexamples import draw_counterexamples, jitter_frames, vary_digits
from mnistcnn.counterexamples.segments import draw_segments
from mnistcnn.device import strict_float32
from mnistcnn.metrics import Activations, predict_activations
from mnistcnn.model import CLASSES, HIDDEN, MnistCNN

DOUBTED = 0.01  # of the validation images, as they are and varied
COMPONENTS = 192  # principal components of each layer
UNITS = 96  # of the classifier
_DIGITS = 6_000  # training images: three tenths varied; beside them half as many counterexamples
_EPOCHS, _BATCH, _RATE, _DECAY = 8, 250, 3e-3, 1e-3
_HELD_OUT = 1_000  # of the validation images, varied for the threshold
_NOISE = 0.1  # added to what the classifier sees when it is fitted, in standard deviations
_FAR = 8.0  # standard deviations; what lies farther away counts as this far


_LIKE = {  # the tensors of a detector: shapes and dtypes
    "means": torch.empty(2, HIDDEN, device="meta"),
    "axes": torch.empty(2, HIDDEN, COMPONENTS, dtype=torch.float16, device="meta"),
    "spreads": torch.empty(2, COMPONENTS, device="meta"),
    "residuals": torch.empty(2, 2, device="meta"),
    "unit_weights": torch.empty(UNITS, 2 * (COMPONENTS + 1) + CLASSES, device="meta"),
    "unit_biases": torch.empty(UNITS, device="meta"),
    "output_weights": torch.empty(UNITS, device="meta"),
    "output_bias": torch.empty((), device="meta"),
    "threshold": torch.empty((), device="meta"),
}


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
    output_weights: torch.Tensor  # (UNITS,)
    output_bias: torch.Tensor  # ()
    threshold: torch.Tensor  # (), of the log odds

    @classmethod
    def from_dict(cls, value: object) -> Self:
        """The detector of `to_dict`; `ValueError` where names, shapes or dtypes are others or values not finite."""
        return cls(**check_tensors(value, _LIKE, "tensors of an outlier detector"))

    def to_dict(self) -> dict[str, torch.Tensor]:
        """Its tensors by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def score(self, activations: Activations) -> OutlierScores:
        """How sure it is that each frame is one digit, from what the network makes of it."""
        with torch.inference_mode(), strict_float32():
            inputs = _inputs(self.means, self.axes, self.spreads, self.residuals, activations)
            units = F.relu(F.linear(inputs, self.unit_weights, self.unit_biases))
            log_odds = units @ self.output_weights + self.output_bias
        return OutlierScores(log_odds, log_odds < self.threshold)


def fit_outlier_detector(
    model: MnistCNN, train_images: torch.Tensor, validation_images: torch.Tensor, seed: int
) -> OutlierDetector:
    """Fit a detector that doubts one in a hundred validation images; both sets are (N, 1, 28, 28) uint8.

    Deterministic on the CPU for one number of threads: all randomness comes from `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    chosen = train_images.cpu()[torch.randperm(len(train_images), generator=generator)[:_DIGITS]]
    both, images = predict_activations(model, chosen), chosen[:, 0].numpy()
    labels, part = both.logits.argmax(dim=1).tolist(), len(chosen) * 3 // 10
    digits = Activations(both.pooled[part:], both.hidden[part:], both.logits[part:])
    varied = vary_digits(images[:part], labels[:part], rng)
    drawn = draw_counterexamples(images, labels, len(images) // 2, rng)
    segments, whole = draw_segments(images, len(images) * 2 // 5, rng)
    frames = [np.concatenate([x, jitter_frames(x, rng)]) for x in (varied, drawn)] + [segments]
    with strict_float32():
        basis = _fit_components(digits)
        seen = [digits, *(predict_activations(model, torch.from_numpy(x)[:, None]) for x in frames)]
        of_digits, of_varied, of_drawn, of_segments = (_inputs(*basis, activations) for activations in seen)
        ones = torch.from_numpy(whole)
        classifier = _fit_classifier(
            torch.cat([of_digits, of_varied, of_segments[ones]]),
            torch.cat([of_drawn, of_segments[~ones & ~_are_strokes(seen[3].logits)]]),
            generator,
        )
    detector = OutlierDetector(*basis, *classifier, torch.zeros(()))
    held_out = validation_images.cpu()[:_HELD_OUT]
    labels = predict_activations(model, held_out).logits.argmax(dim=1).tolist()
    others = torch.from_numpy(vary_digits(held_out[:, 0].numpy(), labels, rng))[:, None]
    log_odds = detector.score(predict_activations(model, torch.cat([validation_images.cpu(), others]))).log_odds
    return replace(detector, threshold=log_odds.quantile(DOUBTED))


def _are_strokes(logits: torch.Tensor) -> torch.Tensor:
    """Which parts of digits look like a 1, (N,): it would be 1 that is doubted, had they been counterexamples."""
    return (logits.argmax(dim=1) == 1) & (logits.softmax(dim=1)[:, 1] > 0.9)


def _fit_components(digits: Activations) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """`means`, `axes`, `spreads` and `residuals` of a detector."""
    layers = torch.stack([digits.pooled, digits.hidden])
    means = layers.mean(dim=1)
    centred = layers - means[:, None]
    # float64: in float32 the many equal values of a small data set are not told apart.
    covariance = (centred.mT @ centred / layers.shape[1]).double()
    variances, axes = torch.linalg.eigh(covariance)
    spreads = variances[:, -COMPONENTS:].clamp_min(0).sqrt()
    spreads = (spreads + 0.01 * spreads[:, -1:]).float()  # directions with next to nothing in them stay small
    rounded = axes[:, :, -COMPONENTS:].half()
    outside = _log_residual(centred, centred @ rounded.float())
    return means, rounded, spreads, torch.stack([outside.mean(1), outside.std(1) + 1e-3], dim=1)


def _fit_classifier(
    digits: torch.Tensor, others: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights and biases of the units, then of the output."""
    inputs = torch.cat([digits, others])
    targets = torch.cat([torch.ones(len(digits)), torch.zeros(len(others))])
    width = inputs.shape[1]
    weights = [
        torch.randn(UNITS, width, generator=generator) / width**0.5,
        torch.zeros(UNITS),
        torch.randn(UNITS, generator=generator) / UNITS**0.5,
        torch.zeros(()),
    ]
    for tensor in weights:
        tensor.requires_grad_()
    optimizer = torch.optim.AdamW(weights, lr=_RATE, weight_decay=_DECAY)
    order = torch.cat([torch.randperm(len(inputs), generator=generator) for _ in range(_EPOCHS)]).split(_BATCH)
    for step, batch in enumerate(order):
        optimizer.param_groups[0]["lr"] = _RATE * (1 - step / len(order))
        x = inputs[batch]
        x = x + _NOISE * torch.randn(x.shape, generator=generator)
        units = F.relu(F.linear(x, weights[0], weights[1]))
        loss = F.binary_cross_entropy_with_logits(units @ weights[2] + weights[3], targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    unit_weights, unit_biases, output_weights, output_bias = (tensor.detach() for tensor in weights)
    return unit_weights, unit_biases, output_weights, output_bias


def _inputs(
    means: torch.Tensor, axes: torch.Tensor, spreads: torch.Tensor, residuals: torch.Tensor, activations: Activations
) -> torch.Tensor:
    """What the classifier sees: of both layers the whitened components and the residual, and the logits by size."""
    centred = torch.stack([activations.pooled, activations.hidden]) - means[:, None]
    components = centred @ axes.float()
    outside = (_log_residual(centred, components) - residuals[:, :1]) / residuals[:, 1:]
    seen = torch.cat([components / spreads[:, None], outside[:, :, None]], dim=2).clamp(-_FAR, _FAR)
    return torch.cat([seen[0], seen[1], activations.logits.sort(dim=1).values / 10], dim=1)


def _log_residual(centred: torch.Tensor, components: torch.Tensor) -> torch.Tensor:
    """The logarithm of the squared length (2, N) of what lies outside of the components."""
    return (centred.square().sum(2) - components.square().sum(2)).clamp_min(1e-6).log()
