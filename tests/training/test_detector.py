import pytest
import torch

from mnistcnn.data import synthetic
from mnistcnn.metrics import predict_activations
from mnistcnn.model import MnistCNN
from mnistcnn.training import detector
from mnistcnn.training.detector import fit_outlier_detector

DRAWN = torch.from_numpy(synthetic.render_digits(300, 7)[0])[:, None]


def test_the_threshold_doubts_its_share_of_the_validation_images_and_the_seed_decides_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = MnistCNN(torch.Generator().manual_seed(1)).eval()
    # The threshold is fitted to as many varied images, too; here they are the same ones.
    monkeypatch.setattr(detector, "vary_digits", lambda frames, labels, rng: frames)
    fitted = fit_outlier_detector(network, DRAWN[:200], DRAWN[100:], seed=4)
    assert int(fitted.score(predict_activations(network, DRAWN[100:])).doubted.sum()) == 3
    again, other = (fit_outlier_detector(network, DRAWN[:200], DRAWN[100:], seed) for seed in (4, 5))
    assert all(torch.equal(tensor, again.to_dict()[name]) for name, tensor in fitted.to_dict().items())
    assert not torch.equal(fitted.unit_weights, other.unit_weights)
