from collections.abc import Callable

import pytest
import torch

from mnistcnn.training.optimizer import AdamW, learning_rate


def test_the_learning_rate_rises_and_falls_in_straight_lines() -> None:
    rates = [learning_rate(step, 1000, 0.5) for step in range(1000)]
    assert max(rates) == pytest.approx(0.5, rel=0.01)
    assert rates.index(max(rates)) in (199, 200)
    assert rates[0] == pytest.approx(0.0025)
    assert 0 < rates[-1] < 0.001
    assert rates[99] == pytest.approx(0.25)
    assert rates[600] == pytest.approx(0.25)
    assert 0 < learning_rate(0, 1, 0.5) <= 0.5


def parameters() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(shape, generator=generator, requires_grad=True) for shape in ((5, 4), (7,), ())]


def descend(weights: list[torch.Tensor], step: Callable[[float], object], start: int, stop: int) -> None:
    for number in range(start, stop):
        for weight in weights:
            weight.grad = None
        torch.stack([(weight - 1).square().sum() for weight in weights]).sum().backward()
        step(0.1 / (number + 1))


def test_it_steps_exactly_as_torch_does_and_goes_on_from_its_state() -> None:
    theirs, ours, resumed = parameters(), parameters(), parameters()
    torchs = torch.optim.AdamW(theirs, weight_decay=0.3, fused=True)

    def step(rate: float) -> None:
        torchs.param_groups[0]["lr"] = rate
        torchs.step()

    descend(theirs, step, 0, 6)
    optimizer = AdamW(ours, 0.3)
    descend(ours, optimizer.step, 0, 2)
    again = AdamW(resumed, 0.3)
    again.load_state_dict(optimizer.state_dict())
    with torch.no_grad():
        for weight, value in zip(resumed, ours, strict=True):
            weight.copy_(value)
    descend(ours, optimizer.step, 2, 6)
    descend(resumed, again.step, 2, 6)
    for expected, one, other in zip(theirs, ours, resumed, strict=True):
        assert torch.equal(one, expected) and torch.equal(other, expected)
    for number, state in torchs.state_dict()["state"].items():
        assert all(torch.equal(tensor, optimizer.state_dict()[number][name]) for name, tensor in state.items())


def test_gradients_are_forgotten_and_foreign_states_refused() -> None:
    weights = parameters()
    optimizer = AdamW(weights, 0.0)
    descend(weights, optimizer.step, 0, 1)
    optimizer.zero_grad()
    assert [weight.grad for weight in weights] == [None] * 3
    with pytest.raises(KeyError):
        optimizer.load_state_dict({})


def test_copies_give_the_gradients_and_follow_the_parameters() -> None:
    masters, alone = parameters(), parameters()
    copies = [weight.detach().bfloat16().requires_grad_() for weight in masters]
    optimizer = AdamW(masters, 0.3, copies)
    descend(copies, optimizer.step, 0, 3)
    assert all(weight.grad is None for weight in masters)
    for master, copy in zip(masters, copies, strict=True):
        assert master.dtype == torch.float32 and torch.equal(copy, master.bfloat16())
        assert not torch.equal(master, copy.float())  # what bfloat16 can't hold is kept
    single = AdamW(alone, 0.3)
    descend(alone, single.step, 0, 3)
    for master, weight in zip(masters, alone, strict=True):
        torch.testing.assert_close(master, weight, atol=0.02, rtol=0)
    with torch.no_grad():
        masters[0].zero_()
    optimizer.update_copies()
    assert not copies[0].any()
