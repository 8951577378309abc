"""Make the trained network that comes in the package: trained longer than by default, the best of a few seeds.

    python -m benchmarks.packaged --first-seed 1 --seeds 3

    python -m benchmarks.packaged --outliers  # the outlier detector alone, anew, for the network that is there

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
from mnistcnn import Files, TrainConfig, load_checkpoint, load_dataset, predict, train
from mnistcnn.checkpoint import PACKAGED
from mnistcnn.config import DatasetName, Split
from mnistcnn.device import derive_seed, resolve_device
from mnistcnn.model import build_model
from mnistcnn.tensors import save_checkpoint, to_arrays
from mnistcnn.training.detector import fit_outlier_detector

# Three times as long as by default, so that its detector learns from more, too; it is to read touching digits and
# ones with a flag.
RECIPE = TrainConfig(epochs=15, neighbours=0.4, flags=0.7)
COUNT = 25  # pictures of each kind
DRAWN = sorted((Path(__file__).parents[1] / "tests" / "pictures").iterdir())  # their names begin with the digit


def score(checkpoint: Path, validation: float) -> float:
    """The mean of the accuracies on the validation pictures, on some of them in the wild, and on those by hand."""
    wild = [float(str(row["ours"])) for row in measure(checkpoint, COUNT, 0, list(KINDS), split=Split.VALIDATION)]
    hand = [made.digit == int(path.name[0]) for path, made in zip(DRAWN, predict(DRAWN, checkpoint), strict=True)]
    return statistics.mean((validation, statistics.mean(wild), statistics.mean(hand)))


def refit_outliers() -> None:
    """Fit the outlier detector of the packaged network as the end of a training does; nothing else changes."""
    packaged = load_checkpoint(PACKAGED)
    assert packaged.config is not None
    seed, model = packaged.config.seed, build_model(packaged.weights, resolve_device("cpu"))
    size, splits = packaged.config.validation_size, (Split.TRAIN, Split.VALIDATION)
    data = load_dataset(DatasetName.MNIST, seed=seed, validation_size=size, splits=splits)
    images = data.train.images, data.validation.images
    detector = fit_outlier_detector(model, *images, derive_seed(seed, "outliers"), packaged.config.epochs)
    save_checkpoint(replace(packaged, outliers=to_arrays(detector.to_dict())))
    print(f"{PACKAGED.name}: a new outlier detector, {PACKAGED.stat().st_size:,} bytes")


def main() -> None:
    """Train, choose, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how many networks to choose from")
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow it")
    parser.add_argument("--outliers", action="store_true", help="keep the network, fit its outlier detector anew")
    arguments = parser.parse_args()
    if arguments.outliers:
        refit_outliers()
        return
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
