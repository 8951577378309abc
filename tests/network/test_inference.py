import copy
import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from mnistcnn.checkpoints.checkpoint import load_checkpoint
from mnistcnn.network.device import Compute
from mnistcnn.network.inference import compute_metrics, predict_logits
from mnistcnn.network.model import MnistCNN, build_model, normalise

G = torch.Generator().manual_seed(0)
IMAGES = torch.randint(0, 256, (25, 1, 28, 28), dtype=torch.uint8, generator=G)


@pytest.mark.parametrize("mode", [True, False])
def test_inferring_leaves_the_mode_and_ignores_the_batch_size(mode: bool, compute: Compute) -> None:
    model = MnistCNN(torch.Generator().manual_seed(0)).train(mode)
    logits = predict_logits(model, IMAGES, compute, batch_size=10)
    assert model.training is mode
    assert logits.shape == (25, 10)
    with torch.no_grad():
        torch.testing.assert_close(logits, model.eval()(normalise(IMAGES)))


@pytest.mark.parametrize("batch_size", [1, 3, 8, 20])
def test_an_image_gets_the_same_logits_in_any_batch_and_precision(
    batch_size: int, trained: Path, compute: Compute
) -> None:
    model = build_model(load_checkpoint(trained).weights, compute)
    exact = copy.deepcopy(model).double()(normalise(IMAGES).double())
    logits = predict_logits(model, IMAGES, compute, batch_size)
    assert logits.dtype is torch.float32
    torch.testing.assert_close(logits.double(), exact.detach(), atol=1e-5, rtol=0)


def test_nothing_to_infer(compute: Compute) -> None:
    assert predict_logits(MnistCNN(torch.Generator()), IMAGES[:0], compute).shape == (0, 10)


def test_metrics_count_every_picture_once() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]])
    metrics = compute_metrics(F.pad(logits, (0, 8), value=-1e9), torch.tensor([0, 1, 1]))
    assert metrics.accuracy == pytest.approx(2 / 3)
    losses = [math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1)), math.log(1 + math.exp(3))]
    assert metrics.loss == pytest.approx(sum(losses) / 3)
    assert metrics.count == 3
