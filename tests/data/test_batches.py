from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.data import ImageDataset
from mnistcnn.data.batches import EpochBatches, bend, draw_warps
from mnistcnn.model import normalise
from mnistcnn.world import World

CPU = torch.device("cpu")
STILL = TrainConfig(batch_size=8, shift=0, rotation=0.0, scale=0.0, shear=0.0, elastic=0.0)


@pytest.fixture
def pictures() -> ImageDataset:
    """50 pictures, each with one value of its own; the label tells it."""
    labels = torch.arange(50)
    return ImageDataset(labels.to(torch.uint8).view(50, 1, 1, 1).expand(50, 1, 28, 28).contiguous(), labels)


def order(batches: EpochBatches) -> list[int]:
    chunks = -(-batches.steps // batches.chunk_steps)
    return torch.cat([batch.labels for i in range(chunks) for batch in batches.chunk(i)]).tolist()


def test_an_epoch_has_every_picture_once_in_random_order(pictures: ImageDataset) -> None:
    batches = EpochBatches(pictures, STILL, 1, torch.zeros(len(pictures)))
    assert batches.steps == 7  # the last one is smaller
    labels = order(batches)
    assert sorted(labels) == list(range(50))
    assert labels != list(range(50))


def test_seed_and_epoch_decide_the_order(pictures: ImageDataset) -> None:
    first = order(EpochBatches(pictures, STILL, 1, torch.zeros(len(pictures))))
    assert first == order(EpochBatches(pictures, STILL, 1, torch.zeros(len(pictures))))
    assert first != order(EpochBatches(pictures, STILL, 2, torch.zeros(len(pictures))))
    assert first != order(EpochBatches(pictures, replace(STILL, seed=1), 1, torch.zeros(len(pictures))))


def test_a_chunk_can_be_made_again_without_those_before_it(pictures: ImageDataset) -> None:
    config = TrainConfig(batch_size=400)
    many = ImageDataset(pictures.images.repeat(60, 1, 1, 1), pictures.labels.repeat(60))
    one = EpochBatches(many, config, 1, torch.zeros(len(many)))
    assert (one.chunk_steps, one.steps) == (2, 8)
    one.chunk(0)
    made, again = one.chunk(2), EpochBatches(many, config, 1, torch.zeros(len(many))).chunk(2)
    assert [batch.count for batch in made] == [400, 400]
    for batch, same in zip(made, again, strict=True):
        assert torch.equal(batch.inputs, same.inputs)
        assert torch.equal(batch.labels, same.labels)
        assert torch.equal(batch.dropout, same.dropout)


def test_pictures_go_with_their_labels(pictures: ImageDataset) -> None:
    for batch in EpochBatches(pictures, STILL, 1, torch.zeros(len(pictures))).chunk(0):
        assert torch.equal(batch.inputs, normalise(pictures.images[batch.labels]))


@pytest.mark.parametrize("size", [2, 3, 8])
def test_processes_share_out_the_batches_of_a_single_one(size: int, pictures: ImageDataset) -> None:
    config = TrainConfig(batch_size=8)
    whole = EpochBatches(pictures, config, 1, torch.zeros(len(pictures))).chunk(0)
    parts = [
        EpochBatches(pictures, config, 1, torch.zeros(len(pictures)), World(rank, size)).chunk(0)
        for rank in range(size)
    ]
    for i, batch in enumerate(whole):
        shares = [part[i] for part in parts]
        assert all(share.count == batch.count for share in shares)
        assert torch.equal(torch.cat([share.labels for share in shares]), batch.labels)
        assert torch.equal(torch.cat([share.dropout for share in shares]), batch.dropout)
        torch.testing.assert_close(torch.cat([share.inputs for share in shares]), batch.inputs)
        rows = [row for share in shares for row in range(share.rows.start, share.rows.stop)]
        assert rows == list(range(batch.count))


def test_without_augmentation_nothing_is_bent() -> None:
    assert draw_warps(5, STILL, torch.Generator(), CPU) is None


def cross() -> torch.Tensor:
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[0, 0, 10:18, 13:15] = 255
    return image


def warp(config: TrainConfig, count: int = 400) -> torch.Tensor:
    drawn = draw_warps(count, config, torch.Generator().manual_seed(0), CPU)
    assert drawn is not None
    return bend(cross().expand(count, 1, 28, 28), drawn)


def middles(bent: torch.Tensor) -> torch.Tensor:
    """Centres of mass (N, 2), in pixels, of pictures (N, 1, 28, 28)."""
    mass, line = bent.sum(dim=(1, 2, 3)), torch.arange(28.0)
    rows = (bent.sum(dim=(1, 3)) * line).sum(dim=1) / mass
    return torch.stack([rows, (bent.sum(dim=(1, 2)) * line).sum(dim=1) / mass], dim=1)


def test_a_shift_moves_up_to_its_limit() -> None:
    moved = middles(warp(replace(STILL, shift=3))) - middles(cross().float())
    assert 2.8 < moved.abs().max() <= 3.001
    assert moved.mean(dim=0).abs().max() < 0.3


def test_a_rotation_keeps_the_middle_and_turns_the_rest() -> None:
    bent = warp(replace(STILL, rotation=90.0))
    assert (middles(bent) - 13.5).abs().max() < 0.1
    assert bent.sum(dim=(1, 2, 3)).min() > 0.9 * cross().sum()
    assert (bent[:, 0, 13:15, 10] > 100).any()
    assert not (cross()[:, 0, 13:15, 10] > 0).any()


def test_a_stretch_changes_the_size() -> None:
    mass = warp(replace(STILL, scale=0.2)).sum(dim=(1, 2, 3)) / cross().sum()
    assert 0.6 < mass.min() < 0.85
    assert 1.2 < mass.max() < 1.6


def test_elastic_bending_is_smooth_and_small() -> None:
    bent = warp(replace(STILL, elastic=0.5))
    assert not torch.equal(bent[0], bent[1])
    assert (middles(bent) - 13.5).abs().max() < 2.5


def test_no_bending_is_the_identity() -> None:
    same = torch.cat([torch.eye(2, 3), torch.zeros(2, 25)], dim=1)[None]
    torch.testing.assert_close(bend(cross(), same), cross().float(), atol=0.01, rtol=0)


def test_bending_is_that_of_torchs_own_grids() -> None:
    config = TrainConfig(rotation=30.0, scale=0.2, shear=0.3, elastic=2.0, shift=2)
    warps = draw_warps(20, config, torch.Generator().manual_seed(1), CPU)
    assert warps is not None
    images = torch.randint(0, 256, (20, 1, 28, 28), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    grid = F.affine_grid(warps[:, :, :3], [20, 1, 28, 28], align_corners=False)
    mesh = warps[:, :, 3:].view(20, 2, 5, 5)
    grid = grid + F.interpolate(mesh, size=(28, 28), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    expected = F.grid_sample(images.float(), grid, align_corners=False)
    torch.testing.assert_close(bend(images, warps), expected, atol=0.01, rtol=0)


def test_dropout_leaves_out_a_fifth_and_keeps_the_mean(pictures: ImageDataset) -> None:
    def noise(config: TrainConfig, epoch: int) -> torch.Tensor:
        batches = EpochBatches(pictures, config, epoch, torch.zeros(len(pictures)))
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
    batches = EpochBatches(many, replace(STILL, batch_size=400), 1, torch.zeros(len(many)))
    assert not torch.equal(batches.chunk(0)[0].dropout, batches.chunk(1)[0].dropout)
