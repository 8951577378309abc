from dataclasses import replace

import torch
from torch.nn import functional as F

from mnistcnn.config import TrainConfig
from mnistcnn.training.augmentation import augment, sample_warps

STILL = TrainConfig(batch_size=8, shift=0, rotation=0.0, scale=0.0, shear=0.0, elastic=0.0)


def test_without_augmentation_nothing_is_bent() -> None:
    assert sample_warps(5, STILL, torch.Generator()) is None


def cross() -> torch.Tensor:
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[0, 0, 10:18, 13:15] = 255
    return image


def warp(config: TrainConfig, count: int = 400) -> torch.Tensor:
    drawn = sample_warps(count, config, torch.Generator().manual_seed(0))
    assert drawn is not None
    return augment(cross().expand(count, 1, 28, 28), drawn)


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
    torch.testing.assert_close(augment(cross(), same), cross().float(), atol=0.01, rtol=0)


def test_bending_is_that_of_torchs_own_grids() -> None:
    config = TrainConfig(rotation=30.0, scale=0.2, shear=0.3, elastic=2.0, shift=2)
    warps = sample_warps(20, config, torch.Generator().manual_seed(1))
    assert warps is not None
    images = torch.randint(0, 256, (20, 1, 28, 28), generator=torch.Generator().manual_seed(2), dtype=torch.uint8)
    grid = F.affine_grid(warps[:, :, :3], [20, 1, 28, 28], align_corners=False)
    mesh = warps[:, :, 3:].view(20, 2, 5, 5)
    grid = grid + F.interpolate(mesh, size=(28, 28), mode="bicubic", align_corners=True).permute(0, 2, 3, 1)
    expected = F.grid_sample(images.float(), grid, align_corners=False)
    torch.testing.assert_close(augment(images, warps), expected, atol=0.01, rtol=0)
