"""Measures how much a busy machine slows a training down, by threads and by OpenMP's ways of waiting.

    python -m benchmarks.busy --rounds 3

It times a step of 50 images while nothing else runs, and while as many other programs compute as there are cores. It
needs MNIST in the cache, and takes a minute for each round.
"""

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import measure as m
from benchmarks.table import spread

SETTINGS: dict[str, dict[str, str]] = {
    "two threads": {"OMP_NUM_THREADS": "2"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads, OMP_WAIT_POLICY=PASSIVE": {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE"},
    **{
        f"two threads, GOMP_SPINCOUNT={count}": {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": str(count)}
        for count in (1_000, 10_000, 100_000)
    },
}
STEPS, BATCH = 120, 50


@contextmanager
def others(count: int) -> Iterator[None]:
    """Let `count` other programs compute while the context lasts."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def milliseconds(precision: str, environment: dict[str, str]) -> float:
    """Measure the median time of a step."""
    speed = m.run(sys.executable, "-c", m.OURS, str(BATCH), precision, str(STEPS), **environment)
    return 1000 * BATCH / float(speed)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    arguments = parser.parse_args()
    times: dict[tuple[str, int], list[float]] = {}
    for _ in range(arguments.rounds):
        for busy in (0, os.cpu_count() or 1):
            with others(busy):
                for name, environment in SETTINGS.items():
                    times.setdefault((name, busy), []).append(milliseconds(arguments.precision, environment))
    base = statistics.median(times["two threads", 0])
    print(f"a step of {BATCH}, {arguments.precision}; × is against two threads with nothing else running")
    for (name, busy), measured in sorted(times.items(), key=lambda item: item[0][1]):
        ratio = statistics.median(measured) / base
        print(f"{f'{busy} others' if busy else 'idle':<10} {name:<42} {spread(measured)} ms  {ratio:.2f} ×")


if __name__ == "__main__":
    main()
