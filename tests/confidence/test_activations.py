import torch

from mnistcnn.confidence.activations import predict_activations
from mnistcnn.device import Compute
from mnistcnn.metrics import predict_logits
from mnistcnn.model import MnistCNN, normalise

IMAGES = torch.randint(0, 256, (25, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_one_pass_gives_activations_and_the_same_logits(compute: Compute) -> None:
    model = MnistCNN(torch.Generator().manual_seed(0)).train()
    seen = predict_activations(model, IMAGES, batch_size=10)
    assert model.training
    assert torch.equal(seen.logits, predict_logits(model, IMAGES, compute, batch_size=10))
    pooled, hidden = model.features(normalise(IMAGES))
    torch.testing.assert_close(seen.pooled, pooled.detach())
    torch.testing.assert_close(seen.hidden, hidden.detach())
    assert predict_activations(model, IMAGES[:0]).hidden.shape == (0, 1024)
