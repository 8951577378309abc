"""Scores frames for the reader, by the network and the detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import Checkpoint
from mnistcnn.ink.framing import SIDE, Frame
from mnistcnn.reading.detector import NONE, load_detector, log_odds_of
from mnistcnn.reading.network import Network
from mnistcnn.reading.scores import Scores

if TYPE_CHECKING:
    from mnistcnn.network.device_network import DeviceNetwork

_NOTHING = Scores(np.zeros((0, 10)), np.zeros(0), np.zeros(0, dtype=bool))


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """The hand-set numbers of this stage."""

    # The network sees each frame as if it leant a little to the left, since hands that lean far to the right are rare
    # in MNIST; fitted on real digits.
    slant_columns: float = 0.15  # to the right for each row down

    # The detector tells the ten digits apart, too, and has learned more hands than MNIST's. The probabilities are the
    # weighted geometric mean of both networks' probabilities; fitted on real and rendered numbers.
    detector_share: float = 0.4
    least_log_odds: float = -6.0  # the network does not see a frame with less; it cost nothing on 1,483 pictures
    least_probability: float = 1e-6  # is added, so that neither network excludes a digit by itself; guess


PARAMS = Params()


class Scorer:
    """The network of a checkpoint, calibrated, and the detector."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto") -> None:
        """The scorer of a checkpoint; `auto` is the CPU, which is ready sooner than a GPU. Raises `DeviceError`."""
        self._temperature = checkpoint.temperature
        in_numpy = device in ("auto", "cpu")
        self.network = Network(checkpoint.weights) if in_numpy else _on_device(checkpoint, device)
        self.detector = load_detector()

    def score(self, frames: Sequence[Frame]) -> Scores:
        """The scores of N frames: calibrated probabilities of the ten digits, and whether each shows one digit at all.

        The detector's probabilities have a share in those of the digits.
        """
        if not frames:
            return _NOTHING
        images = np.stack(frames)
        classes = self.detector.logits(images)
        log_odds = log_odds_of(classes).astype(np.float64)
        digits = probabilities(classes[:, :NONE], 1.0) + PARAMS.least_probability
        likely = log_odds > PARAMS.least_log_odds
        if likely.any():
            logits = self.network.logits(slanted(images[likely], PARAMS.slant_columns))
            network = probabilities(logits, self._temperature) + PARAMS.least_probability
            digits[likely] = network ** (1 - PARAMS.detector_share) * digits[likely] ** PARAMS.detector_share
        return Scores(digits / digits.sum(axis=1, keepdims=True), log_odds, log_odds < self.detector.threshold)

    def score_as_is(self, frames: Sequence[Frame]) -> Scores:
        """The scores by the network alone, without the slant, as `evaluate` and an exported network see a frame."""
        if not frames:
            return _NOTHING
        images = np.stack(frames)
        log_odds = self.detector.log_odds(images).astype(np.float64)
        network = probabilities(self.network.logits(images), self._temperature)
        return Scores(network, log_odds, log_odds < self.detector.threshold)


def slanted(frames: NDArray[np.uint8], slant: float) -> NDArray[np.uint8]:
    """Frames (N, 28, 28) leant to the left: each row moves right by `slant` pixels for each row below the middle."""
    middle = (SIDE - 1) / 2
    matrix = np.array([[1.0, slant, -slant * middle], [0.0, 1.0, 0.0]])
    return np.stack([cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR) for frame in frames])


def _on_device(checkpoint: Checkpoint, device: str) -> DeviceNetwork:
    from mnistcnn.network.device_network import DeviceNetwork  # noqa: PLC0415 - PyTorch, which reading on the CPU never loads

    return DeviceNetwork(checkpoint.weights, device)
