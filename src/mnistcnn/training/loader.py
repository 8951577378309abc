"""Makes the batches of an epoch: shuffled, with flags on some ones, augmented, normalised, on the device."""

import math
from dataclasses import dataclass

import torch

from mnistcnn.config import TrainConfig
from mnistcnn.data.dataset import ImageDataset
from mnistcnn.network.device import derive_seed
from mnistcnn.network.model import DROPOUT, HIDDEN, normalise
from mnistcnn.network.world import ALONE, World
from mnistcnn.training.augmentation import augment, sample_warps
from mnistcnn.training.flagged_ones import add_flags, sample_flags
from mnistcnn.training.sampler import HardExampleSampler

CHUNK_IMAGES = 1_000  # images augmented together: enough to be cheap, few enough to fit into the CPU's caches


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """This process's part of a batch: `inputs` (n, 1, 28, 28) float32, normalised, and `labels` (n,) int64.

    `dropout` (n, 1024) float32 multiplies the hidden units: 0 or 1.25. The whole batch has `count` images; this part
    has its `rows`.
    """

    inputs: torch.Tensor
    labels: torch.Tensor
    dropout: torch.Tensor
    count: int
    rows: slice


class EpochLoader:
    """The batches of one epoch: a pure function of the images, their losses, the settings and the epoch's number.

    Order, flags and warps are sampled at the epoch's start on the CPU, so that they are the same on every device;
    dropout is sampled for each chunk on the device, from the chunk's own seed. So any chunk can be made without the
    chunks before it, as resuming requires.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        config: TrainConfig,
        epoch: int,
        sampler: HardExampleSampler,
        world: World = ALONE,
    ) -> None:
        generator = torch.Generator().manual_seed(derive_seed(config.seed, "epoch", epoch))
        self._dataset = dataset
        self._world = world
        self._seed = config.seed
        self._epoch = epoch
        self._device = dataset.labels.device
        self.order = sampler.sample(epoch, generator)  # indices of the images, on the CPU
        self._order = self.order.to(self._device)
        warps = sample_warps(len(self.order), config, generator)
        self._warps = None if warps is None else warps.to(self._device)
        self._flags = sample_flags(len(self.order), generator).to(self._device)
        self.batch_size = config.batch_size
        self.steps = math.ceil(len(self.order) / config.batch_size)
        self.chunk_steps = max(1, CHUNK_IMAGES // config.batch_size)

    def chunk(self, number: int) -> list[Batch]:
        """Make the batches of `chunk_steps` steps, from step `number * chunk_steps` (counted from 0) on."""
        start = number * self.chunk_steps * self.batch_size
        stop = min(start + self.chunk_steps * self.batch_size, len(self.order))
        places = torch.arange(start, stop, device=self._device).split(self.batch_size)  # each batch's in `order`
        shards = [self._world.shard(len(batch)) for batch in places]
        own = torch.cat([batch[rows] for batch, rows in zip(places, shards, strict=True)])
        indices = self._order[own]
        labels = self._dataset.labels[indices]
        images = add_flags(self._dataset.images[indices], labels, self._flags[own])
        inputs = normalise(images if self._warps is None else augment(images, self._warps[own]))
        sizes = [rows.stop - rows.start for rows in shards]
        # Noise for all images of the chunk: each process uses its rows of what a single process would use.
        generator = torch.Generator(self._device).manual_seed(derive_seed(self._seed, f"dropout {self._epoch}", number))
        noise = torch.rand(stop - start, HIDDEN, generator=generator, device=self._device)
        dropouts = noise.ge_(DROPOUT).div_(1 - DROPOUT).split(self.batch_size)
        parts = zip(inputs.split(sizes), labels.split(sizes), dropouts, shards, strict=True)
        return [
            Batch(inputs=x, labels=y, dropout=dropout[rows], count=len(dropout), rows=rows)
            for x, y, dropout, rows in parts
        ]
