from dataclasses import replace

import pytest
import torch

from mnistcnn.config import TrainConfig
from mnistcnn.data.order import Hardness, draw_order, epoch_length

CONFIG = TrainConfig(skip_easy=0.5, repeat_hard=0.2)
LOSSES = torch.tensor([5.0, 0.0, 4.0, 1.0, 3.0, 2.0, 9.0, 7.0, 6.0, 8.0])


def drawn(epoch: int, config: TrainConfig = CONFIG, seed: int = 0) -> list[int]:
    order: list[int] = draw_order(LOSSES, config, epoch, torch.Generator().manual_seed(seed)).tolist()
    assert len(order) == epoch_length(len(LOSSES), config, epoch)
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


def test_hardness_is_the_mean_of_the_last_epoch_that_had_the_picture() -> None:
    hardness = Hardness(4)
    hardness.note(torch.tensor([0, 1, 2, 3]), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert not hardness.losses.any(), "not before the epoch is over"
    hardness.finish_epoch()
    assert hardness.losses.tolist() == [1, 2, 3, 4]
    hardness.note(torch.tensor([3, 2]), torch.tensor([0.5, 1.0]))
    hardness.note(torch.tensor([3]), torch.tensor([1.5]))
    again = Hardness(4)
    again.load_state(hardness.state().clone())
    for one in (hardness, again):
        one.finish_epoch()
        assert one.losses.tolist() == [1, 2, 1, 1]


def test_losses_of_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="other pictures"):
        Hardness(4).load_state(Hardness(5).state())
    with pytest.raises(ValueError, match="other pictures"):
        Hardness(4).load_state(torch.full((3, 4), float("nan")))
