import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import DataSplits, ImageDataset, load_dataset
from mnistcnn.errors import TrainingError
from mnistcnn.events import EpochResult, StepResult
from mnistcnn.network.device import Compute
from mnistcnn.training.trainer import Trainer, best_of
from tests.conftest import TINY_CONFIG


@pytest.fixture(scope="module")
def data(tiny: Path) -> DataSplits:
    return load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100)


def start(data: DataSplits, compute: Compute, config: TrainConfig = TINY_CONFIG) -> Trainer:
    return Trainer(config, compute, data.train, data.validation)


def weights(training: Trainer) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in training.model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def test_the_network_learns(data: DataSplits, compute: Compute) -> None:
    results = list(start(data, compute, replace(TINY_CONFIG, epochs=4)).run())
    epochs = [result for result in results if isinstance(result, EpochResult)]
    assert [result.epoch for result in epochs] == [1, 2, 3, 4]
    assert epochs[-1].validation.accuracy > 0.6
    assert epochs[-1].train.loss < epochs[0].train.loss
    assert [result.train.count for result in epochs] == [
        200,
        *[200 - 100 + 50] * 3,
    ]  # the easy left out, the hard twice

    assert all(result.validation.count == 100 for result in epochs)


def test_one_batch_can_be_learnt_by_heart(data: DataSplits, compute: Compute) -> None:
    few = ImageDataset(data.train.images[:20], data.train.labels[:20])
    config = TrainConfig(
        epochs=30,
        batch_size=20,
        label_smoothing=0.0,
        skip_easy=0.0,
        repeat_hard=0.0,
        shift=0,
        rotation=0,
        scale=0,
        shear=0,
        elastic=0,
    )
    training = Trainer(config, compute, few, few)
    list(training.run())
    assert training.history[-1].validation.accuracy == 1.0
    assert training.history[-1].validation.loss < 0.05


def test_the_seed_decides_the_weights_bit_for_bit(data: DataSplits, compute: Compute) -> None:
    runs = [start(data, compute, replace(TINY_CONFIG, epochs=1, seed=seed)) for seed in (3, 3, 4)]
    for run in runs:
        torch.rand(5, generator=None) if run is None else list(run.run())
    assert same(weights(runs[0]), weights(runs[1]))
    assert runs[0].history[0].train == runs[1].history[0].train
    assert not same(weights(runs[0]), weights(runs[2]))


def test_the_callers_random_numbers_change_nothing(data: DataSplits, compute: Compute) -> None:
    quiet = start(data, compute, replace(TINY_CONFIG, epochs=1))
    list(quiet.run())
    noisy = start(data, compute, replace(TINY_CONFIG, epochs=1))
    with torch.random.fork_rng():
        for _ in noisy.run():
            torch.rand(3)
    assert same(weights(quiet), weights(noisy))


def after(steps: int) -> Callable[[], bool]:
    """Return a stop that becomes true at its call number `steps`."""
    asked = 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked >= steps

    return stop


@pytest.fixture(scope="module")
def whole(data: DataSplits, compute: Compute) -> Trainer:
    training = start(data, compute)
    list(training.run())
    return training


@pytest.mark.parametrize("steps", [1, 7, 19, 20, 21, 33])
def test_a_run_that_was_stopped_at_any_step_ends_as_if_it_had_not_been(
    steps: int, whole: Trainer, data: DataSplits, compute: Compute
) -> None:
    stopped = start(data, compute)
    list(stopped.run(after(steps)))
    assert (stopped.epoch, stopped.step) != (1, 0)
    state = copy.deepcopy(stopped.state_dict())
    resumed = start(data, compute)
    resumed.load_state_dict(state)
    list(resumed.run())
    assert same(weights(whole), weights(resumed))
    assert same(whole.best_weights, resumed.best_weights)
    assert [(r.train, r.validation, r.learning_rate) for r in whole.history] == [
        (r.train, r.validation, r.learning_rate) for r in resumed.history
    ]


def test_it_stops_at_the_step_where_it_stands(data: DataSplits, compute: Compute) -> None:
    training = start(data, compute)
    last = list(training.run(after(7)))[-1]
    assert isinstance(last, StepResult)
    assert (last.step, training.step) == (7, 7)


def test_the_best_epoch_is_kept(data: DataSplits, compute: Compute, monkeypatch: pytest.MonkeyPatch) -> None:
    from mnistcnn.results import Metrics
    from mnistcnn.training import trainer as module

    scores = iter(
        [
            Metrics(accuracy=0.5, loss=1.0, count=100),
            Metrics(accuracy=0.7, loss=1.0, count=100),
            Metrics(accuracy=0.7, loss=0.9, count=100),
            Metrics(accuracy=0.6, loss=0.1, count=100),
        ]
    )
    monkeypatch.setattr(module, "compute_metrics", lambda logits, labels: next(scores))
    training, snapshots = start(data, compute, replace(TINY_CONFIG, epochs=4)), []
    for result in training.run():
        if isinstance(result, EpochResult):
            snapshots.append(weights(training))
    assert best_of(training.history).epoch == 3  # of two with the same accuracy the one with the smaller loss
    assert same(training.best_weights, snapshots[2])
    assert not same(training.best_weights, snapshots[3])


def test_divergence_is_told_with_its_step(data: DataSplits, compute: Compute) -> None:
    training = start(data, compute)
    with torch.no_grad():
        training.model.fc2.bias[0] = float("nan")
    with pytest.raises(TrainingError, match=r"loss stopped being finite at step 1 of 20 in epoch 1") as caught:
        list(training.run())
    assert caught.value.hint is not None
    assert f"--lr {TrainConfig().lr / 10:g}." in caught.value.hint
    training.config = replace(TINY_CONFIG, lr=1000.0)
    with pytest.raises(TrainingError) as caught:
        list(training.run())
    assert caught.value.hint is not None and caught.value.hint.endswith(f"--lr {TrainConfig().lr}.")


def test_weights_that_are_not_finite_are_told(data: DataSplits, compute: Compute) -> None:
    training = start(data, compute)
    training.check_finite()
    with torch.no_grad():
        training.model.fc1.weight[0, 0] = float("inf")
    with pytest.raises(TrainingError, match="weights stopped being finite"):
        training.check_finite()


def test_label_smoothing_is_trained_on_but_not_reported(data: DataSplits, compute: Compute) -> None:
    training = start(data, compute)
    first = next(iter(training.run(lambda: True)))
    assert isinstance(first, StepResult)
    smooth = start(data, compute, replace(TINY_CONFIG, label_smoothing=0.0))
    assert next(iter(smooth.run(lambda: True))).train == first.train  # the first step's loss is measured before it
    assert not same(weights(training), weights(smooth))


def test_the_last_smaller_batch_counts_each_picture_once(data: DataSplits, compute: Compute) -> None:
    training = start(data, compute, replace(TINY_CONFIG, epochs=1, batch_size=75))
    epoch = list(training.run())[-1]
    assert isinstance(epoch, EpochResult)
    assert epoch.train.count == 200
    assert training.steps(1) == 3
