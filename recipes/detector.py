"""Make the detector that comes in the package: does a frame show one digit at all?

    python -m recipes.detector                          # draw the material and train: half an hour on one core
    python -m recipes.detector --figures --real FOLDER  # figures of the detector that is there, on real pictures too

Its material is MNIST's training split, as it is and as other hands write it (`hands`), and drawn counterexamples
(`counterexamples`). The threshold was chosen by real pictures, which no part of the material comes from.
Writes `src/mnistcnn/weights/detector.npz`, and beside it the recipe and the figures as `detector.json`.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from mnistcnn import load_dataset
from mnistcnn.config import DatasetName
from mnistcnn.ink.decoding import decode, read_file
from mnistcnn.ink.ruled_lines import remove_rules
from mnistcnn.ink.sheet import Paper, find_sheet
from mnistcnn.network.device import cpu_threads
from mnistcnn.reading.detector import NONE, PACKAGED, SHAPES, Detector, read_detector
from mnistcnn.reading.whole import find_whole
from mnistcnn.system.storage import write_atomically
from mnistcnn.training.optimizer import AdamW, learning_rate
from recipes.counterexamples import draw_counterexamples
from recipes.counterexamples.segments import draw_segments
from recipes.hands import draw_digits, vary_digits
from recipes.ink import is_one_stroke

# Log odds. There are as many digits as other frames in the material, but fewer among the segments of a row, so this is
# added to the log odds of `NONE`. Both numbers were chosen by real pictures: `--real` prints a table of thresholds.
PRIOR = 1.3
THRESHOLD = -4.3
HELD_OUT = 5  # one of so many hands is kept apart while the threshold is chosen
Frames = NDArray[np.uint8]  # (N, 28, 28)
Labels = NDArray[np.int64]  # (N,), `NONE` for what is not one digit


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Every setting that determines the detector; counts are of frames."""

    seed: int = 1
    varied: int = 2  # times each digit
    drawn: int = 60_000
    counterexamples: int = 150_000
    segments: int = 110_000
    epochs: int = 4
    batch: int = 512
    rate: float = 2e-3  # the highest learning rate
    decay: float = 0.02
    warped: float = 0.5  # the share of each batch that is turned and stretched
    checked: int = 4_000  # drawn from the validation split for the figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Frames (N, 28, 28) uint8 and their labels (N,)."""

    frames: Frames
    labels: Labels


def make_material(recipe: Recipe, digits: Frames, labels: Labels) -> Material:
    """Digits as they are and as others write them, segments of rows of them, and counterexamples."""
    rng = np.random.default_rng(recipe.seed)
    varied = [vary_digits(digits, labels.tolist(), rng) for _ in range(recipe.varied)]
    drawn, drawn_labels = draw_digits(recipe.drawn, rng)
    ones = np.concatenate([digits, *varied, drawn])
    ones_labels = np.concatenate([labels, *[labels] * recipe.varied, drawn_labels])
    none = draw_counterexamples(ones, ones_labels.tolist(), recipe.counterexamples, rng)
    segments, segment_labels = draw_segments(ones, ones_labels.tolist(), recipe.segments, rng)
    # Half of a 0 may be a 1: what looks like a stroke is neither.
    clear = np.array([label != NONE or not is_one_stroke(x) for x, label in zip(segments, segment_labels, strict=True)])
    return Material(
        frames=np.concatenate([ones, none, segments[clear]]),
        labels=np.concatenate([ones_labels, np.full(len(none), NONE), segment_labels[clear]]),
    )


def build_network() -> nn.Sequential:
    """The network as it is trained."""
    layers: list[nn.Module] = []
    for number in (1, 2, 3):
        side, _, channels, filters = SHAPES[f"conv{number}_weights"]
        layers += [nn.Conv2d(channels, filters, side, stride=2, padding=side // 2), nn.ReLU(inplace=True)]
    inputs, units = SHAPES["fc1_weights"]
    layers += [nn.Flatten(), nn.Linear(inputs, units), nn.ReLU(inplace=True), nn.Dropout(0.2)]
    layers += [nn.Linear(units, NONE + 1)]
    return nn.Sequential(*layers)


def train(recipe: Recipe, material: Material) -> nn.Sequential:
    """The network trained on the material, in bfloat16; the same on the same processor with as many threads."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        return _train(recipe, material)


def _train(recipe: Recipe, material: Material) -> nn.Sequential:
    network = build_network().to(memory_format=torch.channels_last)
    frames, labels = torch.from_numpy(material.frames)[:, None], torch.from_numpy(material.labels)
    optimizer = AdamW(network.parameters(), recipe.decay)
    generator = torch.Generator().manual_seed(recipe.seed)
    steps = recipe.epochs * (len(frames) // recipe.batch)
    started, losses = time.perf_counter(), []
    network.train()
    for step, chosen in zip(range(steps), _batches(len(frames), recipe, generator), strict=False):
        images = warp_images(frames[chosen].float() / 255, recipe.warped, generator)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(images.contiguous(memory_format=torch.channels_last))
        loss = F.cross_entropy(logits.float(), labels[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(learning_rate(step, steps, recipe.rate))
        losses.append(float(loss.detach()))
        if step % 500 == 499:
            seconds = time.perf_counter() - started
            print(f"step {step + 1} of {steps}: loss {np.mean(losses[-500:]):.4f}, {seconds:.0f} s", flush=True)
    return network.eval()


def _batches(count: int, recipe: Recipe, generator: torch.Generator) -> Iterator[torch.Tensor]:
    while True:
        order = torch.randperm(count, generator=generator)
        yield from order[: count // recipe.batch * recipe.batch].split(recipe.batch)


def warp_images(images: torch.Tensor, share: float, generator: torch.Generator) -> torch.Tensor:
    """Images (N, 1, 28, 28) in 0 … 1, a share of them turned, slanted, stretched and shifted a little."""
    count = round(share * len(images))
    chosen = images[:count]  # batches are shuffled
    turn, slant, across, down, right, below = torch.randn(6, count, generator=generator) * torch.tensor(
        [[0.06], [0.08], [0.06], [0.06], [0.04], [0.04]]
    )
    rows = [(1 + across) * turn.cos(), (1 + across) * (slant - turn.sin()), right]
    rows += [(1 + down) * turn.sin(), (1 + down) * turn.cos(), below]
    grid = F.affine_grid(torch.stack(rows, dim=1).view(-1, 2, 3), list(chosen.shape), align_corners=False)
    return torch.cat([F.grid_sample(chosen, grid, align_corners=False), images[count:]])


def arrays_of(network: nn.Sequential, threshold: float) -> dict[str, NDArray[np.float16]]:
    """The arrays of a detector's file."""
    arrays = {}
    convolutions = [layer for layer in network if isinstance(layer, nn.Conv2d)]
    for number, convolution in enumerate(convolutions, start=1):
        assert convolution.bias is not None
        arrays[f"conv{number}_weights"] = convolution.weight.permute(2, 3, 1, 0)
        arrays[f"conv{number}_bias"] = convolution.bias
    first, second = (layer for layer in network if isinstance(layer, nn.Linear))
    rows, columns, channels = 4, 4, SHAPES["conv3_bias"][0]
    arrays["fc1_weights"] = first.weight.view(-1, channels, rows, columns).permute(2, 3, 1, 0).flatten(0, 2)
    arrays["fc1_bias"] = first.bias
    arrays["fc2_weights"] = second.weight.T
    arrays["fc2_bias"] = second.bias + PRIOR * F.one_hot(torch.tensor(NONE), NONE + 1)
    rounded = {name: tensor.detach().contiguous().numpy().astype(np.float16) for name, tensor in arrays.items()}
    return {**rounded, "threshold": np.array(threshold, dtype=np.float16)}


def save(path: Path, arrays: dict[str, NDArray[np.float16]]) -> None:
    """Write a detector's file: an uncompressed npz of float16 arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, allow_pickle=False, **arrays)


def real_frames(folder: Path) -> dict[str, Frames]:
    """The first frames of real pictures, for each folder in `folder` that has a `labels.csv`.

    It names pictures (`file` or `name`) and may say whose hand drew them (`repo`). Where it does, one hand in five is a
    set of its own, "… held out".
    """
    sets: dict[str, list[NDArray[np.uint8]]] = {}
    for labels in sorted(folder.rglob("labels.csv")):
        for row in csv.DictReader(labels.read_text(encoding="utf-8").splitlines()):
            frame = _first_frame(labels.parent / (row.get("file") or row["name"]))
            held_out = zlib.crc32(row.get("repo", "1").encode()) % HELD_OUT == 0
            sets.setdefault(labels.parent.name + (", held out" if held_out else ""), []).append(frame)
    return {name: np.stack(frames) for name, frames in sets.items()}


def _first_frame(path: Path) -> NDArray[np.uint8]:
    """All of the ink of a picture as one digit, (28, 28); empty where there is none."""
    sheet = find_sheet(decode(read_file(path), path.name), Paper.SURFACE)
    whole = find_whole(remove_rules(sheet.ink)) if sheet else None
    return whole.segment.frame if whole else np.zeros((28, 28), np.uint8)


def print_figures(detector: Detector, sets: dict[str, Frames]) -> dict[str, float]:
    """Print how many frames of each set are doubted, at the threshold and at others; returns the former."""
    thresholds = [detector.threshold, *range(-6, 4)]
    print(f"{'doubted, at log odds of':<28}" + "".join(f"{threshold:>8.2f}" for threshold in thresholds))
    figures = {}
    for name, frames in sets.items():
        log_odds = detector.log_odds(frames)
        shares = [float((log_odds < threshold).mean()) for threshold in thresholds]
        figures[name] = round(shares[0], 4)
        print(f"{f'{name} ({len(frames):,})':<28}" + "".join(f"{share:>8.2%}" for share in shares), flush=True)
    return figures


def main() -> None:
    """Draw the material, train, write the detector, and print its figures."""
    recipe = Recipe()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--epochs", type=int, default=recipe.epochs)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads; other weights for another number")
    parser.add_argument("--figures", action="store_true", help="train nothing, print the figures of what is there")
    parser.add_argument("--real", type=Path, help="a folder with folders of pictures, each with a labels.csv")
    parser.add_argument("--output", type=Path, default=PACKAGED)
    arguments = parser.parse_args()
    recipe = replace(recipe, seed=arguments.seed, epochs=arguments.epochs)
    data = load_dataset(DatasetName.MNIST, seed=recipe.seed)
    digits, labels = data.train.images[:, 0].numpy(), data.train.labels.numpy()
    started = time.perf_counter()
    if not arguments.figures:
        with cpu_threads(arguments.threads):
            material = make_material(recipe, digits, labels)
            counts = np.bincount(material.labels, minlength=NONE + 1)
            drawn = time.perf_counter() - started
            print(f"material: {counts[:NONE].sum():,} digits, {counts[NONE]:,} other frames, {drawn:.0f} s", flush=True)
            network = train(recipe, material)
            save(arguments.output, arrays_of(network, THRESHOLD))
        print(f"{arguments.output}: {arguments.output.stat().st_size:,} bytes, {time.perf_counter() - started:.0f} s")
    detector = read_detector(arguments.output)
    rng = np.random.default_rng(recipe.seed + 1)
    held_out, held_out_labels = data.validation.images[:, 0].numpy(), data.validation.labels.numpy()
    segments, which = draw_segments(held_out, held_out_labels.tolist(), recipe.checked, rng)
    sets = {
        "MNIST, test": data.test.images[:, 0].numpy(),
        "varied digits": vary_digits(held_out[: recipe.checked], held_out_labels[: recipe.checked].tolist(), rng),
        "drawn digits": draw_digits(recipe.checked, rng)[0],
        "segments of one digit": segments[which != NONE],
        "other segments": segments[which == NONE],
        "counterexamples": draw_counterexamples(held_out, held_out_labels.tolist(), recipe.checked, rng),
    }
    figures = print_figures(detector, sets | (real_frames(arguments.real) if arguments.real else {}))
    if not arguments.figures:
        about = {"recipe": asdict(recipe), "threshold": detector.threshold, "doubted": figures}
        path = arguments.output.with_suffix(".json")
        write_atomically(path, json.dumps(about, indent=1, ensure_ascii=False).encode() + b"\n")


if __name__ == "__main__":
    main()
