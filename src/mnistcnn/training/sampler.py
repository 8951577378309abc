"""Which images an epoch takes and in what order: all of them at first, later more of the hard ones."""

from collections.abc import Mapping

import torch

from mnistcnn.config import TrainConfig


class HardExampleSampler:
    """Samples the images of each epoch by their losses in the last epoch that took them.

    After the first epoch most of MNIST is read without effort and teaches little. So the images with the least
    losses are left out for an epoch, and those with the greatest come twice. The idea of choosing by the loss:
    I. Loshchilov, F. Hutter, "Online batch selection for faster training of neural networks" (2015);
    A. Shrivastava et al., "Training region-based object detectors with online hard example mining" (2016).
    """

    def __init__(self, count: int, config: TrainConfig) -> None:
        self.losses = torch.zeros(count)  # cross-entropies in nats, on the CPU
        self._easy, self._hard = int(count * config.skip_easy), int(count * config.repeat_hard)
        self._sums = torch.zeros(2, count)  # of this epoch so far: losses, and how often an image came

    def epoch_length(self, epoch: int) -> int:
        """How many images epoch number `epoch` (from 1) takes, those that come twice counted twice."""
        return len(self.losses) + (0 if epoch == 1 else self._hard - self._easy)

    def sample(self, epoch: int, generator: torch.Generator) -> torch.Tensor:
        """The indices (int64, of `epoch_length`) of an epoch's images, in random order."""
        shuffled = torch.randperm(self.epoch_length(epoch), generator=generator)
        if epoch == 1:
            return shuffled
        ranked = self.losses.argsort(stable=True)
        return torch.cat([ranked[self._easy :], ranked[len(ranked) - self._hard :]])[shuffled]

    def record(self, indices: torch.Tensor, losses: torch.Tensor) -> None:
        """Add the `losses` (n,) float32 that the images at `indices` (n,) int64 had in this epoch."""
        self._sums.index_add_(1, indices, torch.stack([losses, torch.ones_like(losses)]))

    def finish_epoch(self) -> None:
        """Let the next epoch go by the mean losses of this one."""
        sums, times = self._sums
        self.losses = torch.where(times > 0, sums / times.clamp(min=1), self.losses)
        self._sums = torch.zeros_like(self._sums)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """All that `load_state_dict` needs: `losses` (3, N) float32, with the sums of this epoch so far."""
        return {"losses": torch.cat([self.losses[None], self._sums])}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on from what `state_dict` gave; `ValueError` if it is of other images."""
        losses = state["losses"]
        if losses.shape != (3, len(self.losses)) or not torch.isfinite(losses).all():
            raise ValueError("the losses are those of other pictures")
        self.losses, self._sums = losses[0].clone(), losses[1:].clone()
