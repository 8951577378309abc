from dataclasses import replace

import pytest
import torch

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import ImageDataset
from mnistcnn.network.model import normalise
from mnistcnn.network.world import ALONE, World
from mnistcnn.training.loader import Batch, EpochLoader
from mnistcnn.training.sampler import HardExampleSampler

STILL = TrainConfig(batch_size=8, shift=0, rotation=0.0, scale=0.0, shear=0.0, elastic=0.0)


@pytest.fixture
def pictures() -> ImageDataset:
    """50 images, each filled with its own value, which is also its label."""
    labels = torch.arange(50)
    return ImageDataset(labels.to(torch.uint8).view(50, 1, 1, 1).expand(50, 1, 28, 28).contiguous(), labels)


def load(images: ImageDataset, config: TrainConfig, epoch: int = 1, world: World = ALONE) -> EpochLoader:
    return EpochLoader(images, config, epoch, HardExampleSampler(len(images), config), world)


def order(batches: EpochLoader) -> list[int]:
    chunks = -(-batches.steps // batches.chunk_steps)
    return torch.cat([batch.labels for i in range(chunks) for batch in batches.chunk(i)]).tolist()


def test_an_epoch_has_every_picture_once_in_random_order(pictures: ImageDataset) -> None:
    batches = load(pictures, STILL, 1)
    assert batches.steps == 7  # the last one is smaller
    labels = order(batches)
    assert sorted(labels) == list(range(50))
    assert labels != list(range(50))


def test_seed_and_epoch_decide_the_order(pictures: ImageDataset) -> None:
    first = order(load(pictures, STILL, 1))
    assert first == order(load(pictures, STILL, 1))
    assert first != order(load(pictures, STILL, 2))
    assert first != order(load(pictures, replace(STILL, seed=1), 1))


def test_a_chunk_can_be_made_again_without_those_before_it(pictures: ImageDataset) -> None:
    config = TrainConfig(batch_size=400)
    many = ImageDataset(pictures.images.repeat(60, 1, 1, 1), pictures.labels.repeat(60))
    one = load(many, config, 1)
    assert (one.chunk_steps, one.steps) == (2, 8)
    one.chunk(0)
    made, again = one.chunk(2), load(many, config, 1).chunk(2)
    assert [batch.count for batch in made] == [400, 400]
    for batch, same in zip(made, again, strict=True):
        assert torch.equal(batch.inputs, same.inputs)
        assert torch.equal(batch.labels, same.labels)
        assert torch.equal(batch.dropout, same.dropout)


def test_pictures_go_with_their_labels(pictures: ImageDataset) -> None:
    for batch in load(pictures, STILL, 1).chunk(0):
        others = batch.labels != 1  # a one may come with a flag
        assert torch.equal(batch.inputs[others], normalise(pictures.images[batch.labels[others]]))


def test_some_of_the_ones_come_with_a_flag() -> None:
    images = torch.zeros(50, 1, 28, 28, dtype=torch.uint8)
    images[:, :, 4:24, 13:16] = 255
    batches = load(ImageDataset(images, torch.arange(50) % 2), STILL).chunk(0)
    other, ones = changed(batches, images[:1]), torch.cat([batch.labels for batch in batches]) == 1
    assert 4 <= other.sum() <= 18
    assert not other[~ones].any()


def changed(batches: list[Batch], image: torch.Tensor) -> torch.Tensor:
    """Tell which images of the batches, (N,), differ from the one image that all were made from."""
    return torch.cat([(batch.inputs != normalise(image)).flatten(1).any(dim=1) for batch in batches])


@pytest.mark.parametrize("size", [2, 3, 8])
def test_processes_share_out_the_batches_of_a_single_one(size: int, pictures: ImageDataset) -> None:
    config = TrainConfig(batch_size=8)
    whole = load(pictures, config, 1).chunk(0)
    parts = [load(pictures, config, 1, World(rank, size)).chunk(0) for rank in range(size)]
    for i, batch in enumerate(whole):
        shares = [part[i] for part in parts]
        assert all(share.count == batch.count for share in shares)
        assert torch.equal(torch.cat([share.labels for share in shares]), batch.labels)
        assert torch.equal(torch.cat([share.dropout for share in shares]), batch.dropout)
        torch.testing.assert_close(torch.cat([share.inputs for share in shares]), batch.inputs)
        rows = [row for share in shares for row in range(share.rows.start, share.rows.stop)]
        assert rows == list(range(batch.count))


def test_dropout_leaves_out_a_fifth_and_keeps_the_mean(pictures: ImageDataset) -> None:
    def noise(config: TrainConfig, epoch: int) -> torch.Tensor:
        batches = load(pictures, config, epoch)
        return torch.cat([batch.dropout for batch in batches.chunk(0)])

    drawn = noise(STILL, 1)
    assert drawn.shape == (50, 1024)
    assert drawn.unique().tolist() == [0.0, 1.25]
    assert drawn.mean().item() == pytest.approx(1.0, abs=0.01)  # five standard deviations of 51,200 numbers
    later = noise(STILL, 2)  # of fewer pictures
    assert not torch.equal(drawn[: len(later)], later)
    assert not torch.equal(drawn, noise(replace(STILL, seed=1), 1))


def test_chunks_have_dropout_of_their_own(pictures: ImageDataset) -> None:
    many = ImageDataset(pictures.images.repeat(60, 1, 1, 1), pictures.labels.repeat(60))
    batches = load(many, replace(STILL, batch_size=400), 1)
    assert not torch.equal(batches.chunk(0)[0].dropout, batches.chunk(1)[0].dropout)
