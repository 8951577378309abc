"""Which pictures an epoch takes and in what order: all of them at first, later more of the hard ones.

After the first epoch most of MNIST is read without effort and teaches little. So the pictures that were read
best the last time are left out for an epoch, and those that were read worst come twice. The idea of choosing
by the loss: I. Loshchilov, F. Hutter, "Online batch selection for faster training of neural networks" (2015);
A. Shrivastava et al., "Training region-based object detectors with online hard example mining" (2016).
"""

from __future__ import annotations

import torch

from mnistcnn.config import TrainConfig


def epoch_length(count: int, config: TrainConfig, epoch: int) -> int:
    """How many of `count` pictures epoch number `epoch` (from 1) takes, those that come twice counted twice."""
    return count if epoch == 1 else count - _share(count, config.skip_easy) + _share(count, config.repeat_hard)


def draw_order(losses: torch.Tensor, config: TrainConfig, epoch: int, generator: torch.Generator) -> torch.Tensor:
    """The places (int64, of `epoch_length`) of an epoch's pictures, of those whose last `losses` (N,) these are."""
    count = len(losses)
    shuffled = torch.randperm(epoch_length(count, config, epoch), generator=generator)
    if epoch == 1:
        return shuffled
    ranked = losses.argsort(stable=True)  # the best read first
    easy, hard = _share(count, config.skip_easy), _share(count, config.repeat_hard)
    return torch.cat([ranked[easy:], ranked[count - hard :]])[shuffled]


def _share(count: int, fraction: float) -> int:
    return int(count * fraction)


class Hardness:
    """How badly each of N pictures was read in the last epoch that took it: a cross-entropy in nats."""

    def __init__(self, count: int) -> None:
        self.losses = torch.zeros(count)
        self._sums = torch.zeros(2, count)  # of this epoch so far: losses, and how often a picture came

    def note(self, places: torch.Tensor, losses: torch.Tensor) -> None:
        """The pictures at `places` (n,) int64 were read with `losses` (n,) float32."""
        self._sums.index_add_(1, places, torch.stack([losses, torch.ones_like(losses)]))

    def finish_epoch(self) -> None:
        """What was noted becomes what the next epoch goes by."""
        sums, times = self._sums
        self.losses = torch.where(times > 0, sums / times.clamp(min=1), self.losses)
        self._sums = torch.zeros_like(self._sums)

    def state(self) -> torch.Tensor:
        """All of it, (3, N) float32."""
        return torch.cat([self.losses[None], self._sums])

    def load_state(self, state: torch.Tensor) -> None:
        """Go on from what `state` gave; `ValueError` if it is of other pictures."""
        if state.shape != (3, len(self.losses)) or not torch.isfinite(state).all():
            raise ValueError("the losses are those of other pictures")
        self.losses, self._sums = state[0].clone(), state[1:].clone()
