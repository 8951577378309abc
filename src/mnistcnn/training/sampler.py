"""Samples the images of an epoch and their order: all of them in the first epoch, later more of the hard ones."""

from collections.abc import Mapping

import torch

from mnistcnn.config import TrainConfig


class HardExampleSampler:
    """Samples the images of each epoch by their losses in the last epoch that used them.

    After the first epoch, the network reads most of MNIST with a small loss and learns little from it. So each later
    epoch skips the images with the lowest losses, and uses those with the highest twice. Sources of the idea:
    I. Loshchilov, F. Hutter, "Online batch selection for faster training of neural networks" (2015);
    A. Shrivastava et al., "Training region-based object detectors with online hard example mining" (2016).
    """

    def __init__(self, count: int, config: TrainConfig) -> None:
        self.losses = torch.zeros(count)  # cross-entropies in nats, on the CPU
        self._easy = int(count * config.skip_easy)
        self._hard = int(count * config.repeat_hard)
        self._sums = torch.zeros(2, count)  # in this epoch so far: each image's losses, and how often it was used

    def epoch_length(self, epoch: int) -> int:
        """Count the images of epoch `epoch` (from 1); an image that is used twice counts twice."""
        return len(self.losses) + (0 if epoch == 1 else self._hard - self._easy)

    def sample(self, epoch: int, generator: torch.Generator) -> torch.Tensor:
        """Sample the indices, (`epoch_length`,) int64, of an epoch's images in random order."""
        shuffled = torch.randperm(self.epoch_length(epoch), generator=generator)
        if epoch == 1:
            return shuffled
        ranked = self.losses.argsort(stable=True)
        return torch.cat([ranked[self._easy :], ranked[len(ranked) - self._hard :]])[shuffled]

    def record(self, indices: torch.Tensor, losses: torch.Tensor) -> None:
        """Record the `losses` (n,) float32, in nats, of the images at `indices` (n,) int64 in this epoch."""
        self._sums.index_add_(1, indices, torch.stack([losses, torch.ones_like(losses)]))

    def finish_epoch(self) -> None:
        """Keep the mean losses of this epoch; the next epoch is sampled by them."""
        sums, times = self._sums
        self.losses = torch.where(times > 0, sums / times.clamp(min=1), self.losses)
        self._sums = torch.zeros_like(self._sums)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return the state for `load_state_dict`: `losses` (3, N) float32, with the sums of this epoch so far."""
        return {"losses": torch.cat([self.losses[None], self._sums])}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Load a state that `state_dict` has returned. Raises `ValueError` if it belongs to other images."""
        losses = state["losses"]
        if losses.shape != (3, len(self.losses)) or not torch.isfinite(losses).all():
            raise ValueError("the losses belong to other pictures")
        self.losses = losses[0].clone()
        self._sums = losses[1:].clone()
