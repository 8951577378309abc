"""Measures how well images of everyday kinds are read: accuracy per kind, of ours and of the naive resize.

python -m benchmarks.pictures models/mnist_cnn.pth --count 200
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.wild import KINDS
from mnistcnn import load_checkpoint, load_dataset
from mnistcnn.config import DatasetName, Split, TrainConfig
from mnistcnn.network.device import resolve_device
from mnistcnn.network.inference import predict_logits
from mnistcnn.network.model import build_model
from mnistcnn.reading.prediction import Options, predict_each
from mnistcnn.reading.reader import Predictor


def naive(path: Path) -> np.ndarray:
    """Read as most tutorials do: convert to grey, resize to 28×28, no more."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L").resize((28, 28)), dtype=np.uint8)


def measure(
    checkpoint: Path,
    count: int,
    seed: int,
    kinds: list[str],
    keep: Path | None = None,
    split: Split = Split.TEST,
) -> list[dict[str, object]]:
    """Measure for each kind the accuracy of the naive way and of ours on the same `count` images."""
    loaded = load_checkpoint(checkpoint)
    compute = resolve_device()
    model, predictor = build_model(loaded.weights, compute), Predictor(loaded)
    options = Options(single=True, accept_doubted=True)
    config = loaded.config or TrainConfig()  # its seed determines the validation images
    pictures = load_dataset(DatasetName.MNIST, splits=(split,), seed=config.seed).split(split)
    rng = np.random.default_rng(seed)
    chosen = torch.from_numpy(rng.choice(len(pictures), size=count, replace=False))
    digits, labels = pictures.images[chosen, 0].numpy(), pictures.labels[chosen]
    evaluated = predict_logits(model, pictures.images[chosen], compute).argmax(1)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in kinds:
            read, tutorials, paths = [], [], []
            seconds = 0.0
            for i, digit in enumerate(digits):
                content, suffix = KINDS[kind](digit, rng)
                path = (keep or Path(folder)) / f"{kind.replace(' ', '_').replace(',', '')}_{i:04d}{suffix}"
                path.write_bytes(content)
                started = time.perf_counter()
                ((prediction, _),) = predict_each(predictor, path, options)
                seconds += time.perf_counter() - started
                read.append(-1 if prediction.digit is None else prediction.digit)
                tutorials.append(naive(path))
                paths.append(path)
            ours = torch.tensor(read)
            theirs = predict_logits(model, torch.from_numpy(np.stack(tutorials)[:, None]), compute).argmax(1)
            rows.append(
                {
                    "kind": kind,
                    "naive": float((theirs == labels).double().mean()),
                    "ours": float((ours == labels).double().mean()),
                    "as evaluate": float((ours == evaluated).double().mean()),
                    "ms": 1000 * seconds / count,
                    "wrong": [str(paths[i]) for i in torch.nonzero(ours != evaluated).flatten().tolist()],
                }
            )
            row = rows[-1]
            print(
                f"{kind:<24} {row['naive']:>8.1%} {row['ours']:>8.1%} {row['as evaluate']:>12.1%} {row['ms']:>7.1f}",
                flush=True,
            )
    return rows


def main() -> None:
    """Print the table, and write it as JSON if requested."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--count", type=int, default=200, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only this kind (may be repeated)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="folder to keep the pictures in")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    print(f"{'kind':<24} {'naive':>8} {'ours':>8} {'as evaluate':>12} {'ms':>7}")
    rows = measure(arguments.checkpoint, arguments.count, arguments.seed, arguments.kind or list(KINDS), arguments.keep)
    for key in ("naive", "ours", "as evaluate"):
        print(f"mean {key}: {np.mean([float(str(row[key])) for row in rows]):.2%}")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
