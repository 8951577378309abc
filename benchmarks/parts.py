"""Times the parts of a training step, ours and the plain script's, in one process each.

    python -m benchmarks.parts ours --data FOLDER
    python -m benchmarks.parts plain --data FOLDER

It prints a JSON line: the seconds of each part in an epoch (1,100 steps of 50 images). `FOLDER` has `MNIST/raw`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise

import torch
from torch.nn import functional as F

STEPS, BATCH = 1_100, 50  # a first epoch, which uses all 55,000 images
ROUNDS = 60
Parts = dict[str, float]


def clock(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Measure the median seconds of `work`, after a few unmeasured runs."""
    times = []
    for _ in range(rounds + 5):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times[5:])


def network_parts(compute: Callable[[], torch.Tensor], update: Callable[[], object], labels: torch.Tensor) -> Parts:
    """Measure the median seconds of forward, backward and the optimizer, one after another as in training.

    `compute` returns the logits, `update` runs the optimizer.
    """
    rounds = []
    for _ in range(ROUNDS + 5):
        times = [time.perf_counter()]
        loss = F.cross_entropy(compute(), labels)
        times.append(time.perf_counter())
        loss.backward()
        times.append(time.perf_counter())
        update()
        times.append(time.perf_counter())
        rounds.append([after - before for before, after in pairwise(times)])
    medians = [statistics.median(part) for part in zip(*rounds[5:], strict=True)]
    return dict(zip(("forward", "backward", "optimizer"), medians, strict=True))


def ours() -> Parts:
    """Measure the parts of `Trainer`."""
    from mnistcnn.config import Precision, TrainConfig
    from mnistcnn.data.dataset import load_dataset
    from mnistcnn.network.device import resolve_device
    from mnistcnn.network.inference import predict_logits
    from mnistcnn.training.loader import EpochLoader
    from mnistcnn.training.sampler import HardExampleSampler
    from mnistcnn.training.trainer import Trainer

    config = TrainConfig(batch_size=BATCH, precision=Precision.FLOAT32)
    compute, data = resolve_device("cpu", config.precision), load_dataset()
    trainer = Trainer(config, compute, data.train, data.validation)
    sampler = HardExampleSampler(len(data.train), config)
    drawing = clock(lambda: EpochLoader(data.train, config, 1, sampler), 3)
    loader = EpochLoader(data.train, config, 1, sampler)
    making = clock(lambda: loader.chunk(3), 20) / loader.chunk_steps
    trainer.model.train()
    batch = loader.chunk(0)[0]

    def update() -> None:
        trainer.optimizer.step(1e-3)
        trainer.optimizer.zero_grad()

    parts = network_parts(lambda: trainer.model(batch.inputs, batch.dropout), update, batch.labels)
    step = clock(lambda: trainer._train_step(batch))
    validation = clock(lambda: predict_logits(trainer.model, data.validation.images, compute), 3)
    per_epoch = {name: seconds * STEPS for name, seconds in parts.items()}
    rest = max(0.0, step - sum(parts.values())) * STEPS
    return {"pictures": making * STEPS + drawing, **per_epoch, "rest of the step": rest, "validation": validation}


def plain(folder: str) -> Parts:
    """Measure the parts of the plain script."""
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from benchmarks.baseline import Net, test

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    loader = DataLoader(datasets.MNIST(folder, train=True, transform=transform), batch_size=BATCH, shuffle=True)
    tests = DataLoader(datasets.MNIST(folder, train=False, transform=transform), batch_size=1000)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    batches = iter(loader)
    loading = clock(lambda: next(batches))
    inputs, labels = next(batches)

    def update() -> None:
        optimizer.step()
        optimizer.zero_grad()

    parts = network_parts(lambda: model(inputs), update, labels)
    per_epoch = {name: seconds * STEPS for name, seconds in parts.items()}
    return {"pictures": loading * STEPS, **per_epoch, "validation": clock(lambda: test(model, tests), 1)}


def main() -> None:
    """Print the parts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("whose", choices=("ours", "plain"))
    parser.add_argument("--data", required=True)
    arguments = parser.parse_args()
    print(json.dumps(ours() if arguments.whose == "ours" else plain(arguments.data)))


if __name__ == "__main__":
    main()
