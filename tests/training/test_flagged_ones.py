import pytest
import torch

from mnistcnn.training.flagged_ones import SHARE, add_flags, sample_flags

ONE = torch.tensor([1])
NO_FOOT = torch.tensor([[1.0, 0.5, 0.5, 0.0]])  # a flag of middling slant and length


def stem(lean: int = 0) -> torch.Tensor:
    """A 1: a bar of three pixels, its top `lean` pixels to the right of its base."""
    image = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    for row in range(4, 24):
        left = 13 + round(lean * (13.5 - row) / 20)
        image[0, 0, row, left : left + 3] = 255
    return image


def ink(image: torch.Tensor) -> torch.Tensor:
    return image[0, 0].float() / 255


def centre(image: torch.Tensor) -> float:
    """The mean column."""
    return float((ink(image).sum(dim=0) @ torch.arange(28.0)) / ink(image).sum())


def added(image: torch.Tensor, slant: float, length: float) -> torch.Tensor:
    """Count the pixels that a flag adds to each row of a stem."""
    found = ink(add_flags(image, ONE, torch.tensor([[1.0, slant, length, 0.0]]))) > 0.5
    return (found.sum(dim=1) - 3).clamp_min(0)


def test_some_get_a_flag_and_some_a_foot() -> None:
    sampled = sample_flags(20_000, torch.Generator().manual_seed(0))
    has, slant, length, foot = sampled.T
    assert has.unique().tolist() == [0, 1]
    assert has.mean() == pytest.approx(SHARE, abs=0.02)
    assert (foot > 0).float().mean() == pytest.approx(0.3, abs=0.02)
    for share in (slant, length):
        assert share.min() >= 0
        assert share.max() < 1
        assert share.mean() == pytest.approx(0.5, abs=0.02)
    assert foot[foot > 0].min() == pytest.approx(0.12, abs=0.01)
    assert foot.max() == pytest.approx(0.35, abs=0.01)


def test_other_digits_and_those_without_a_flag_stay_as_they_are() -> None:
    images, labels = stem().repeat(3, 1, 1, 1), torch.tensor([7, 1, 1])
    sampled = torch.tensor([[1.0, 0.5, 0.5, 0.2], [0.0, 0.5, 0.5, 0.2], [1.0, 0.5, 0.5, 0.2]])
    found = add_flags(images, labels, sampled)
    assert [bool((image != stem()[0]).any()) for image in found] == [False, False, True]
    assert torch.equal(images, stem().repeat(3, 1, 1, 1))


def test_a_flag_leads_down_to_the_left_from_the_top() -> None:
    found = add_flags(stem(), ONE, NO_FOOT)
    left = (ink(found) > 0.5).int().argmax(dim=1)  # the column where each row's ink begins
    assert left[5] > left[7] > left[9]
    assert float(ink(found)[14:24].sum()) == pytest.approx(float(ink(stem())[14:24].sum()), abs=0.1)


def test_the_centre_of_the_ink_stays_where_it_was() -> None:
    for image in (stem(), stem(lean=6)):
        assert centre(add_flags(image, ONE, torch.tensor([[1.0, 0.0, 1.0, 0.0]]))) == pytest.approx(
            centre(image), abs=0.51
        )


def test_a_foot_reaches_as_far_to_both_sides() -> None:
    found = ink(add_flags(stem(), ONE, torch.tensor([[1.0, 0.5, 0.0, 0.25]]))) > 0.5
    base, above = (found[row].nonzero()[:, 0] for row in (22, 16))
    assert above[0] - base[0] == pytest.approx(base[-1] - above[-1], abs=1)
    assert base[-1] - base[0] + 1 == pytest.approx(13, abs=1)


def test_a_long_flag_reaches_farther_than_a_short_one() -> None:
    short, long = (int(added(stem(), 0.5, length).sum()) for length in (0.0, 1.0))
    assert long > short > 0


@pytest.mark.parametrize("lean", [-8, 0, 8, 14])
@pytest.mark.parametrize("slant", [0.0, 1.0])
def test_a_flag_is_neither_level_nor_along_the_stem(lean: int, slant: float) -> None:
    rows = added(stem(lean), slant, 1.0)
    assert rows.sum() >= 6
    assert rows[7:].any()


@pytest.mark.parametrize("lean", [-8, 8, 14])
def test_nothing_is_added_to_the_right_of_a_stem_without_a_foot(lean: int) -> None:
    before, after = (
        27 - (ink(image) > 0.5)[8:22].flip(1).int().argmax(dim=1)
        for image in (stem(lean), add_flags(stem(lean), ONE, torch.tensor([[1.0, 0.0, 1.0, 0.0]])))
    )
    assert len((after - before).unique()) == 1  # moved as a whole
