import pytest
import torch

from mnistcnn.confidence.activations import Activations, predict_activations
from mnistcnn.confidence.outliers import NONE, log_odds_of
from mnistcnn.data import synthetic
from mnistcnn.device import cpu_threads
from mnistcnn.model import HIDDEN, MnistCNN
from mnistcnn.training import detector
from mnistcnn.training.detector import _fit_classifier, _fit_components, fit_outlier_detector

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


@pytest.mark.parametrize(("epochs", "digits"), [(1, 100), (3, 150), (9, 200)])
def test_it_learns_from_more_digits_after_more_epochs(
    epochs: int, digits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detector, "_PER_EPOCH", 50)
    monkeypatch.setattr(detector, "_LEAST", 100)
    monkeypatch.setattr(detector, "_MOST", 200)
    counts: list[int] = []

    def counted(activations: Activations) -> tuple[torch.Tensor, ...]:
        counts.append(len(activations.images))
        return _fit_components(activations)

    monkeypatch.setattr(detector, "_fit_components", counted)
    fit_outlier_detector(MnistCNN(torch.Generator().manual_seed(1)).eval(), DRAWN, DRAWN[:50], seed=4, epochs=epochs)
    assert counts == [digits - digits // 5]  # a fifth of them is varied


@pytest.mark.parametrize(("alive", "seed"), [(27, 1), (27, 6), (60, 0), (100, 4), (100, 6)])
def test_units_that_never_fire_do_not_stop_it(alive: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    units = torch.zeros(260, HIDDEN)
    units[:, torch.randperm(HIDDEN, generator=generator)[:alive]] = torch.rand(260, alive, generator=generator)
    with cpu_threads(2):
        means, axes, spreads, _ = _fit_components(Activations(DRAWN[:260], units, units, torch.zeros(260, 10)))
    assert torch.allclose(means[0], units.mean(dim=0), atol=1e-6)
    seen = (units - means[0]) @ axes[0].float()
    assert seen.std(dim=0)[-1] == pytest.approx(float(spreads[0, -1]), rel=0.02)


def test_the_ensemble_gives_the_log_odds_of_one_classifier() -> None:
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(2, 6000, 5, generator=generator)
    digits, others = noise + torch.tensor([0.5, -0.5])[:, None, None] * torch.tensor([1.0, 0, 0, 0, 0])
    seen, digit = torch.cat([digits, others]), 1 + (digits[:, 1] > 0).long()
    targets = torch.cat([digit, torch.full((6000,), NONE)])
    unit_weights, unit_biases, output_weights, output_bias = _fit_classifier(seen, targets, generator)
    logits = (seen @ unit_weights.T + unit_biases).relu() @ output_weights.T + output_bias
    true = seen[:, 0]  # of two normal distributions whose means are one deviation apart
    slope = float((log_odds_of(logits) * true).sum() / true.square().sum())
    assert slope == pytest.approx(1, abs=0.3)
    assert (logits[:6000, :NONE].argmax(dim=1) == digit).float().mean() > 0.95
