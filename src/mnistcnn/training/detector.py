"""The outlier detector is fitted to digits and to drawn counterexamples, once training has ended."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from mnistcnn.confidence.activations import Activations, predict_activations
from mnistcnn.confidence.outliers import COMPONENTS, NONE, UNITS, OutlierDetector, detector_inputs, log_residual
from mnistcnn.device import strict_float32
from mnistcnn.model import CLASSES, MnistCNN
from mnistcnn.training.counterexamples import draw_counterexamples, jitter_frames, vary_digits
from mnistcnn.training.counterexamples.segments import draw_segments
from mnistcnn.training.optimizer import AdamW

DOUBTED = 0.016  # of the validation images, as they are and varied
_PER_EPOCH, _LEAST, _MOST = 2_400, 12_000, 36_000  # training images; most stay as they are, since drawing takes long
_VARIED, _DRAWN, _SEGMENTS = 0.2, 0.45, 0.2  # for each of them: varied digits, counterexamples, segments of rows
_EPOCHS, _BATCH, _RATE, _DECAY = 6, 500, 4e-3, 1.0
_IGNORED = -100  # by `cross_entropy`
_HELD_OUT = 1_000  # of the validation images, varied for the threshold
_MEMBERS = 4  # classifiers, of whose logits the mean counts: by itself, each depends more on chance
_NOISE = 0.3  # added to what the classifier sees when it is fitted, in standard deviations


def fit_outlier_detector(
    model: MnistCNN, train_images: torch.Tensor, validation_images: torch.Tensor, seed: int, epochs: int = 1
) -> OutlierDetector:
    """Fit a detector that doubts 1.6 % of the validation images; both sets are (N, 1, 28, 28) uint8.

    The more `epochs` the network was trained for, the more digits it learns from, so that it takes its share of the
    time. Deterministic on the CPU for one number of threads: all randomness comes from `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    rng = np.random.default_rng(seed)
    count = min(max(_PER_EPOCH * epochs, _LEAST), _MOST)
    chosen = train_images.cpu()[torch.randperm(len(train_images), generator=generator)[:count]]
    both, images = predict_activations(model, chosen), chosen[:, 0].numpy()
    labels, part = both.logits.argmax(dim=1), round(_VARIED * len(chosen))
    digits = Activations(chosen[part:], both.pooled[part:], both.hidden[part:], both.logits[part:])
    varied = vary_digits(images[:part], labels[:part].tolist(), rng)
    drawn = draw_counterexamples(images, labels.tolist(), round(_DRAWN * len(images)), rng)
    segments, which = draw_segments(images, labels.tolist(), round(_SEGMENTS * len(images)), rng)
    frames = [np.concatenate([x, jitter_frames(x, rng)]) for x in (varied, drawn)] + [segments]
    with strict_float32():
        basis = _fit_components(digits)
        inputs = [detector_inputs(*basis, digits)]
        for some in frames:  # one after the other: activations take much memory
            seen = predict_activations(model, torch.from_numpy(some)[:, None])
            inputs.append(detector_inputs(*basis, seen))
        of_drawn, of_segments = torch.full((2 * len(drawn),), NONE), torch.from_numpy(which)
        of_segments[(of_segments == NONE) & _are_strokes(seen.logits)] = _IGNORED
        targets = torch.cat([labels[part:], labels[:part].repeat(2), of_drawn, of_segments])
        classifier = _fit_classifier(torch.cat(inputs), targets, generator)
    detector = OutlierDetector(*basis, *classifier, torch.zeros(()))
    held_out = validation_images.cpu()[:_HELD_OUT]
    held_out_labels = predict_activations(model, held_out).logits.argmax(dim=1).tolist()
    others = torch.from_numpy(vary_digits(held_out[:, 0].numpy(), held_out_labels, rng))[:, None]
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
    # And a tiny ridge sets apart those of units that never fire, at which LAPACK may give up.
    diagonal = covariance.diagonal(dim1=1, dim2=2)
    diagonal += 1e-9 * diagonal.mean(dim=1, keepdim=True) * torch.linspace(0, 1, diagonal.shape[1])
    variances, axes = torch.linalg.eigh(covariance)
    spreads = variances[:, -COMPONENTS:].clamp_min(0).sqrt()
    spreads = (spreads + 0.01 * spreads[:, -1:]).float()  # directions with next to nothing in them stay small
    rounded = axes[:, :, -COMPONENTS:].half()
    outside = log_residual(centred, centred @ rounded.float())
    return means, rounded, spreads, torch.stack([outside.mean(1), outside.std(1) + 1e-3], dim=1)


def _fit_classifier(
    inputs: torch.Tensor, targets: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Weights and biases of the units, then of the outputs: an ensemble, each member with its share of the units."""
    width = inputs.shape[1]
    weights = [
        torch.randn(UNITS, width, generator=generator) / width**0.5,
        torch.zeros(UNITS),
        torch.randn(CLASSES + 1, UNITS, generator=generator) / (UNITS / _MEMBERS) ** 0.5,
        torch.zeros(_MEMBERS, CLASSES + 1),
    ]
    for tensor in weights:
        tensor.requires_grad_()
    optimizer = AdamW(weights, _DECAY)
    order = torch.cat([torch.randperm(len(inputs), generator=generator) for _ in range(_EPOCHS)]).split(_BATCH)
    for step, batch in enumerate(order):
        x = inputs[batch]
        x = x + _NOISE * torch.randn(x.shape, generator=generator)
        units = F.relu(F.linear(x, weights[0], weights[1])).unflatten(1, (_MEMBERS, -1))
        logits = torch.einsum("nmu,cmu->nmc", units, weights[2].unflatten(1, (_MEMBERS, -1))) + weights[3]
        loss = F.cross_entropy(logits.flatten(0, 1), targets[batch].repeat_interleave(_MEMBERS))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(_RATE * (1 - step / len(order)))
    unit_weights, unit_biases, output_weights, output_biases = (tensor.detach() for tensor in weights)
    return unit_weights, unit_biases, output_weights / _MEMBERS, output_biases.mean(dim=0)
