import math

import pytest
import torch
from torch.nn import functional as F

from mnistcnn.confidence.calibration import calibration_error, fit_temperature, probabilities


@pytest.mark.parametrize("truth", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_a_wrong_scale(truth: float) -> None:
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 10, generator=generator) * 2
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).flatten()
    assert fit_temperature(logits * truth, labels) == pytest.approx(truth, rel=0.05)


def test_the_temperature_stays_sane_when_all_is_right() -> None:
    logits = F.one_hot(torch.arange(10), 10) * 20.0
    assert 0.04 < fit_temperature(logits, torch.arange(10)) < 21


def test_probabilities_are_softened_by_the_temperature() -> None:
    logits = torch.tensor([[1.0, 0.0]])
    assert probabilities(logits, 2.0)[0, 0] == pytest.approx(1 / (1 + math.exp(-0.5)))


def test_calibration_error() -> None:
    sure = torch.zeros(4, 10, dtype=torch.float64)
    sure[:, 0] = 1.0
    assert calibration_error(sure, torch.tensor([0, 0, 0, 0])) == 0.0
    assert calibration_error(sure, torch.tensor([0, 0, 1, 1])) == pytest.approx(0.5)
    half = torch.full((2, 10), 0.5 / 9, dtype=torch.float64)
    half[:, 3] = 0.5
    assert calibration_error(half, torch.tensor([3, 4])) == pytest.approx(0.0, abs=1e-12)
    assert math.isfinite(calibration_error(half, torch.tensor([4, 4])))
