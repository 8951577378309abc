from dataclasses import replace

import pytest
import torch

from mnistcnn.config import TrainConfig
from mnistcnn.data.neighbours import add_neighbours, sample_neighbours

CONFIG = TrainConfig(neighbours=0.4)


def box(left: int, right: int, top: int = 6, bottom: int = 22, ink: int = 255) -> torch.Tensor:
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    image[0, 0, top:bottom, left:right] = ink
    return image


def columns(image: torch.Tensor) -> list[int]:
    """Those with any ink."""
    return image[0, 0].any(dim=0).nonzero()[:, 0].tolist()


def test_without_neighbours_nothing_is_sampled() -> None:
    assert sample_neighbours(5, replace(CONFIG, neighbours=0.0), torch.Generator()) is None


def test_as_many_get_a_neighbour_as_asked_on_both_sides() -> None:
    sampled = sample_neighbours(20_000, CONFIG, torch.Generator().manual_seed(0))
    assert sampled is not None
    sides = sampled[:, 0]
    assert sides.abs().mean() == pytest.approx(0.4, abs=0.02)
    assert sides.mean() == pytest.approx(0.0, abs=0.02)
    assert set(sampled[:, 2].tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    least, most = sampled.amin(dim=0), sampled.amax(dim=0)
    assert (0 <= least[1] < 0.01) and (0.99 < most[1] <= 1)
    for column, limit in ((3, 2.0), (4, 0.35)):
        assert -limit <= least[column] < -0.95 * limit
        assert 0.95 * limit < most[column] <= limit


def test_an_image_without_a_neighbour_stays_as_it_is() -> None:
    images = torch.cat([box(9, 19), box(4, 24)])
    assert torch.equal(add_neighbours(images, torch.zeros(2, 5), images), images)


@pytest.mark.parametrize(("side", "expected"), [(1.0, range(9, 21)), (-1.0, range(7, 19))])
def test_a_neighbour_touches_and_is_cut_off_beside_the_digit(side: float, expected: range) -> None:
    digit = box(9, 19)
    found = add_neighbours(digit, torch.tensor([[side, 0.0, 0.0, 2.0, 0.0]]), box(0, 28, ink=200))
    assert columns(found) == list(expected)
    assert torch.equal(found[..., 9:19], digit[..., 9:19])
    assert found[0, 0, 10, expected[0] if side < 0 else expected[-1]] == 200


def test_a_cut_inside_takes_away_of_the_digit() -> None:
    found = add_neighbours(box(9, 19), torch.tensor([[1.0, 0.0, 0.0, -2.0, 0.0]]), box(9, 19))
    assert columns(found) == list(range(9, 17))


def test_a_neighbour_reaches_into_the_digit() -> None:
    low, high = box(9, 19, bottom=16), box(4, 12, top=14)
    apart, within = (add_neighbours(low, torch.tensor([[1.0, 0.0, overlap, 2.0, 0.0]]), high) for overlap in (0.0, 4.0))
    assert not apart[0, 0, 16:, :19].any()
    assert within[0, 0, 16:22, 15:19].all()


def test_a_slanted_cut_leaves_more_below() -> None:
    found = add_neighbours(box(9, 19), torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.35]]), box(0, 28))
    assert found[0, 0, 20].sum() > found[0, 0, 7].sum()


def test_which_of_all_images_it_is() -> None:
    others = torch.cat([box(2, 5, ink=100), box(2, 5, ink=200)])
    for which, ink in ((0.0, 100), (0.999, 200), (1.0, 200)):
        found = add_neighbours(box(9, 19), torch.tensor([[1.0, which, 0.0, 2.0, 0.0]]), others)
        assert found[0, 0, 10, 19] == ink


def test_what_has_no_row_in_common_stays_as_it_is() -> None:
    digit = box(9, 19, bottom=10)
    assert torch.equal(add_neighbours(digit, torch.tensor([[1.0, 0.0, 0.0, 2.0, 0.0]]), box(2, 5, top=18)), digit)
