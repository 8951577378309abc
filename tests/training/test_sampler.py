from dataclasses import replace

import pytest
import torch

from mnistcnn.config import TrainConfig
from mnistcnn.training.sampler import HardExampleSampler

CONFIG = TrainConfig(skip_easy=0.5, repeat_hard=0.2)
LOSSES = torch.tensor([5.0, 0.0, 4.0, 1.0, 3.0, 2.0, 9.0, 7.0, 6.0, 8.0])


def drawn(epoch: int, config: TrainConfig = CONFIG, seed: int = 0) -> list[int]:
    sampler = HardExampleSampler(len(LOSSES), config)
    sampler.losses = LOSSES
    order: list[int] = sampler.sample(epoch, torch.Generator().manual_seed(seed)).tolist()
    assert len(order) == sampler.epoch_length(epoch)
    return order


def test_the_first_epoch_takes_every_picture_once() -> None:
    assert sorted(drawn(1)) == list(range(10))
    assert drawn(1) == drawn(1) != drawn(1, seed=1)


def test_later_epochs_leave_out_the_easy_and_take_the_hard_twice() -> None:
    assert sorted(drawn(2)) == [0, 6, 6, 7, 8, 9, 9]
    assert drawn(2) == drawn(2) != drawn(2, seed=1)


@pytest.mark.parametrize(("skip", "repeat", "length"), [(0.0, 0.0, 10), (0.0, 1.0, 20), (0.99, 0.0, 1), (0.9, 0.1, 2)])
def test_any_share_can_be_left_out_and_repeated(skip: float, repeat: float, length: int) -> None:
    order = drawn(3, replace(CONFIG, skip_easy=skip, repeat_hard=repeat))
    assert len(order) == length and 6 in order  # the hardest of all


def test_a_loss_is_the_mean_of_the_last_epoch_that_had_the_picture() -> None:
    sampler = HardExampleSampler(4, CONFIG)
    sampler.record(torch.tensor([0, 1, 2, 3]), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert not sampler.losses.any(), "not before the epoch is over"
    sampler.finish_epoch()
    assert sampler.losses.tolist() == [1, 2, 3, 4]
    sampler.record(torch.tensor([3, 2]), torch.tensor([0.5, 1.0]))
    sampler.record(torch.tensor([3]), torch.tensor([1.5]))
    again = HardExampleSampler(4, CONFIG)
    again.load_state_dict({name: tensor.clone() for name, tensor in sampler.state_dict().items()})
    for one in (sampler, again):
        one.finish_epoch()
        assert one.losses.tolist() == [1, 2, 1, 1]


def test_losses_of_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="other pictures"):
        HardExampleSampler(4, CONFIG).load_state_dict(HardExampleSampler(5, CONFIG).state_dict())
    with pytest.raises(ValueError, match="other pictures"):
        HardExampleSampler(4, CONFIG).load_state_dict({"losses": torch.full((3, 4), float("nan"))})
