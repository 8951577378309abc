"""Make the trained network that comes in the package: trained longer than by default, the best of a few seeds.

    python -m recipes.network --first-seed 1 --seeds 3

Chosen without the test set: by how well the pictures held out from training are read, as they are and rendered
into the wild, and those drawn by hand in `tests/pictures`. Takes some minutes a seed; needs MNIST in the cache.
Writes `src/mnistcnn/weights/mnist_cnn.pth`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.pictures import measure
from benchmarks.wild import KINDS
from mnistcnn import Files, TrainConfig, load_checkpoint, predict, train
from mnistcnn.checkpoints.checkpoint import PACKAGED
from mnistcnn.config import Split
from mnistcnn.network.tensors import save_checkpoint

RECIPE = TrainConfig(epochs=15)  # the default one, three times as long
COUNT = 25  # pictures of each kind
DRAWN = sorted((Path(__file__).parents[1] / "tests" / "pictures").iterdir())  # their names begin with the digit


def score(checkpoint: Path, validation: float) -> float:
    """The mean of the accuracies on the validation pictures, on some of them in the wild, and on those by hand."""
    wild = [float(str(row["ours"])) for row in measure(checkpoint, COUNT, 0, list(KINDS), split=Split.VALIDATION)]
    hand = [made.digit == int(path.name[0]) for path, made in zip(DRAWN, predict(DRAWN, checkpoint), strict=True)]
    return statistics.mean((validation, statistics.mean(wild), statistics.mean(hand)))


def main() -> None:
    """Train, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many networks to choose from")
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow it")
    arguments = parser.parse_args()
    scores: dict[Path, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
            path = Path(name) / f"{seed}.pth"
            result = train(replace(RECIPE, seed=seed), Files(path, Path(name) / "output"))
            scores[path] = score(path, result.validation.accuracy)
            print(f"seed {seed}: validation {result.validation.accuracy:.2%}, score {scores[path]:.3%}", flush=True)
        best = load_checkpoint(max(scores, key=scores.__getitem__))
        # Which machine made it, and where its data lay, is of no use to others.
        assert best.config is not None
        environment = replace(best.environment, device_name="any", device_reason="", python="", platform="")
        config, data = replace(best.config, threads=0), {**best.data, "folder": ""}
        save_checkpoint(replace(best, path=PACKAGED, environment=environment, config=config, data=data))
    test = best.metrics["test"]["accuracy"]
    print(f"{PACKAGED.name}: seed {best.config.seed}, test accuracy {test:.2%}, {PACKAGED.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
