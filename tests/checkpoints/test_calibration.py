import math

import numpy as np
import pytest
import torch

from mnistcnn.checkpoints.calibration import (
    MAX_TEMPERATURE,
    MIN_TEMPERATURE,
    calibration_error,
    fit_temperature,
    is_at_bound,
    probabilities,
)


@pytest.mark.parametrize("truth", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_a_wrong_scale(truth: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 10, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    assert fit_temperature((logits * truth).numpy(), labels.numpy()) == pytest.approx(truth, rel=0.05)


def test_the_temperature_stays_sane_when_all_is_right() -> None:
    assert MIN_TEMPERATURE <= fit_temperature(20.0 * np.eye(10), np.arange(10)) <= MAX_TEMPERATURE


def test_probabilities_are_softened_by_the_temperature() -> None:
    logits = np.array([[1.0, 0.0]])
    assert probabilities(logits, 2.0)[0, 0] == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_calibration_error() -> None:
    sure = np.zeros((4, 10))
    sure[:, 0] = 1.0
    assert calibration_error(sure, np.array([0, 0, 0, 0])) == 0.0
    assert calibration_error(sure, np.array([0, 0, 1, 1])) == pytest.approx(0.5)
    half = np.full((2, 10), 0.5 / 9)
    half[:, 3] = 0.5
    assert calibration_error(half, np.array([3, 4])) == pytest.approx(0.0, abs=1e-12)
    assert math.isfinite(calibration_error(half, np.array([4, 4])))


def test_no_logits_are_too_large_for_probabilities() -> None:
    logits = np.array([[3e38, -3e38, 0.0]], np.float32)
    assert probabilities(logits, MIN_TEMPERATURE).tolist() == [[1.0, 0.0, 0.0]]


def test_a_temperature_that_would_go_on_is_at_its_bound() -> None:
    labels = np.arange(10)
    right, wrong = np.eye(10), 1 - np.eye(10)
    for logits, bound in ((right, 0.05), (wrong, 20.0)):
        temperature = fit_temperature(logits, labels)
        assert temperature == pytest.approx(bound)
        assert is_at_bound(temperature)
    assert not is_at_bound(1.0)
