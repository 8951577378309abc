"""Measures the training speed of 1 and 2 processes with one thread each, started by torchrun.

    python -m benchmarks.scaling

Strong scaling has the same global batch for both, weak scaling twice the batch for twice the processes. "Apart" is two
independent processes, the most that the machine can do. It needs MNIST in the cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from benchmarks import measure as m
from benchmarks.table import spread


def work(batch_size: int, steps: int) -> None:
    """Train as one of the processes; the first one prints the median pictures/s of all together."""
    from mnistcnn.config import Precision, TrainConfig
    from mnistcnn.data.dataset import load_dataset
    from mnistcnn.network.device import resolve_device
    from mnistcnn.network.distributed import process_group
    from mnistcnn.network.world import World
    from mnistcnn.training.trainer import Trainer

    world, compute = World.from_environment(), resolve_device("cpu", Precision.FLOAT32)
    config = TrainConfig(batch_size=batch_size, precision=Precision.FLOAT32)
    data = load_dataset()
    with process_group(world):
        trainer = Trainer(config, compute, data.train, data.validation, world)
        speeds, before, started = [], 0, time.perf_counter()
        for event in trainer.run(lambda: trainer.step >= steps):
            speeds.append((event.train.count - before) / (time.perf_counter() - started))
            before, started = event.train.count, time.perf_counter()
    if world.is_main:
        print(json.dumps(statistics.median(speeds[1:])))


def speed(processes: int, batch_size: int, pictures: int) -> float:
    """Measure the pictures/s of so many processes with one thread each."""
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words += ["-m", "benchmarks.scaling", "--worker", str(batch_size), str(pictures // batch_size)]
    return float(json.loads(m.python(*words, OMP_NUM_THREADS="1")))


def apart(batch_size: int, pictures: int) -> float:
    """Measure the pictures/s of two independent processes at the same time, together."""
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda _: speed(1, batch_size, pictures), range(2)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worker", nargs=2, type=int, metavar=("BATCH", "STEPS"), help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pictures", type=int, default=8_000, help="trained on in each run")
    arguments = parser.parse_args()
    if arguments.worker:
        work(*arguments.worker)
        sys.exit()
    print(", ".join(f"{key} {value}" for key, value in m.machine().items()), flush=True)
    runs = [(1, 50), (2, 50), (2, 100), (1, 200), (2, 200), (2, 400)]
    contenders: dict[str, Callable[[], float]] = {}
    contenders |= {f"{n} × {size}": partial(speed, n, size, arguments.pictures) for n, size in runs}
    contenders |= {f"apart {size}": partial(apart, size, arguments.pictures) for size in (50, 200)}
    found = m.alternate(arguments.rounds, contenders)
    for n, size in runs:
        values = found[f"{n} × {size}"]
        one = statistics.median(found[f"1 × {size // n if size // n in (50, 200) else size}"])
        alone = statistics.median(found[f"1 × {size}"]) if f"1 × {size}" in found else one
        ratio = statistics.median(values) / alone
        print(f"{n} process(es), global batch {size:<4} pictures/s {spread(values):<42} {ratio:.2f} × one")
    for size in (50, 200):
        values, one = found[f"apart {size}"], statistics.median(found[f"1 × {size}"])
        ratio = statistics.median(values) / one
        print(f"2 apart, batch {size:<15} pictures/s {spread(values):<42} {ratio:.2f} × one")


if __name__ == "__main__":
    main()
