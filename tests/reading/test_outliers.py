import numpy as np
import torch

from mnistcnn.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.confidence.activations import predict_activations
from mnistcnn.confidence.outliers import OutlierDetector
from mnistcnn.data.synthetic import render_digits
from mnistcnn.model import build_model
from mnistcnn.reading.network import Network
from mnistcnn.reading.outliers import OutlierScorer


def test_scores_are_those_of_the_detector_in_pytorch() -> None:
    checkpoint = load_checkpoint(PACKAGED)
    assert checkpoint.outliers is not None
    digits = render_digits(50, seed=3)[0].reshape(-1, 28, 28)
    frames = np.concatenate([digits, np.random.default_rng(0).integers(0, 256, (20, 28, 28), np.uint8)])
    detector = OutlierDetector.from_dict(checkpoint.outliers)
    theirs = detector.score(predict_activations(build_model(checkpoint.weights), torch.from_numpy(frames)[:, None]))
    network = Network(checkpoint.weights)
    scorer = OutlierScorer(network, checkpoint.outliers)
    ours = scorer.log_odds(frames, network.logits(frames))
    np.testing.assert_allclose(ours, theirs.log_odds.numpy(), atol=2e-3)
    np.testing.assert_array_equal(ours < scorer.threshold, theirs.doubted.numpy())
