"""The pictures in the output folder. Matplotlib is loaded when one is drawn, and never opens a window."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from mnistcnn.data import ImageDataset
from mnistcnn.events import EpochResult
from mnistcnn.storage import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# M. Okabe, K. Ito, "Color universal design": apart for every kind of colour vision.
TRAIN_COLOUR, VALIDATION_COLOUR, KEPT_COLOUR = "#0072B2", "#D55E00", "#009E73"
CURVES, CONFUSION, MISTAKES = "training_curves.png", "confusion_matrix.png", "mistakes.png"
_MOST_MISTAKES = 24
_STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "legend.frameon": False,
}


def plot_training(folder: Path, history: Sequence[EpochResult], best_epoch: int, rates: Sequence[float]) -> Path:
    """Draw loss and accuracy per epoch; `rates` are learning rates, evenly spaced over the whole run."""
    figure = _figure(9, 4.2)
    epochs = [result.epoch for result in history]
    left, right = figure.subplots(1, 2)
    for axes, name, scale, title, unit in (
        (left, "loss", 1.0, "Loss", "cross-entropy (nats)"),
        (right, "accuracy", 100.0, "Accuracy (%)", "read correctly (%)"),
    ):
        train = [getattr(result.train, name) * scale for result in history]
        validation = [getattr(result.validation, name) * scale for result in history]
        axes.plot(epochs, train, "o-", color=TRAIN_COLOUR, markersize=4, label="train (augmented, dropout)")
        axes.plot(epochs, validation, "s-", color=VALIDATION_COLOUR, markersize=4, label="validation")
        kept = f"kept: epoch {best_epoch}"
        axes.axvline(best_epoch, color=KEPT_COLOUR, linestyle="--", linewidth=1.2, label=kept)
        axes.set(title=title, xlabel="epoch", ylabel=unit, xlim=(0, epochs[-1] + 0.25))
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.25)
        behind = axes.twinx()  # the learning rate, lightly, behind the curves
        places, label = np.linspace(0, epochs[-1], len(rates)), f"learning rate (peak {max(rates):.2g})"
        shade = behind.fill_between(places, rates, color="0.5", alpha=0.15, linewidth=0, label=label)
        behind.set(ylim=(0, 1.05 * max(rates)), yticks=[])
        axes.set_zorder(behind.get_zorder() + 1)
        axes.patch.set_visible(False)
    left.set_ylim(bottom=0)
    handles, _ = left.get_legend_handles_labels()
    figure.legend(handles=[*handles, shade], loc="outside lower center", ncols=4)
    return _save(figure, folder / CURVES)


def plot_confusion(folder: Path, confusion: Sequence[Sequence[int]]) -> Path:
    """Draw 10×10 counts, rows true digits, columns digits read; the mistakes coloured by their number."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    counts = np.asarray(confusion)
    mistakes = np.ma.masked_array(counts, np.eye(len(counts), dtype=bool))
    most = max(1, int(mistakes.max()))
    figure = _figure(6.2, 5.6)
    axes = figure.subplots()
    axes.set_facecolor("0.9")  # of the diagonal
    image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=most)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            dark = row != column and counts[row, column] > 0.6 * most
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8,
                      color="white" if dark else "black")  # fmt: skip
    accuracy = 100 * np.trace(counts) / max(1, counts.sum())
    axes.set(title=f"{counts.sum():,} pictures, {accuracy:.2f} % read correctly", xlabel="digit read",
             ylabel="true digit", xticks=range(10), yticks=range(10))  # fmt: skip
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, label="mistakes", ticks=MaxNLocator(integer=True))
    bar.outline.set_visible(False)
    return _save(figure, folder / CONFUSION)


def plot_mistakes(folder: Path, pictures: ImageDataset, probability: torch.Tensor) -> Path:
    """Draw up to 24 misread pictures, the most confident first: picture, truth, reading, confidence."""
    labels = pictures.labels.cpu()
    confidence, read = probability.max(dim=1)
    wrong = torch.nonzero(read != labels).flatten()
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)][:_MOST_MISTAKES]
    rows = max(1, -(-len(wrong) // 8))
    figure = _figure(9.2, 1.55 * rows + 0.4)
    figure.suptitle(f"The {len(wrong)} most confident mistakes" if len(wrong) else "No mistakes", fontsize=11)
    axes = figure.subplots()  # one for all: laying out many takes a second
    for place, i in enumerate(wrong.tolist()):
        x, y = 1.15 * (place % 8), 1.5 * (place // 8)
        picture = pictures.images[i, 0].cpu().numpy()
        axes.imshow(picture, cmap="gray_r", vmin=0, vmax=255, extent=(x, x + 1, y + 1, y))
        told = f"{labels[i]} read as {read[i]}\n{100 * confidence[i]:.1f} % sure"
        axes.text(x + 0.5, y - 0.05, told, ha="center", va="bottom", fontsize=8.5)
    axes.set(xlim=(0, 9.05), ylim=(1.5 * rows - 0.5, -0.45))
    axes.axis("off")
    return _save(figure, folder / MISTAKES)


def plot_filters(path: Path, weights: torch.Tensor) -> Path:
    """Draw the first layer's filters, (25, 1, 12, 12), on one scale with zero in the middle."""
    filters = weights.detach().cpu()[:, 0].numpy()
    limit = float(np.abs(filters).max()) or 1.0
    figure = _figure(6.4, 5.6)
    figure.suptitle("The 25 filters of conv1 (12×12)", fontsize=11)
    grid = figure.subplots(5, 5)
    for axes, kernel in zip(grid.flat, filters, strict=True):
        image = axes.imshow(kernel, cmap="PuOr", vmin=-limit, vmax=limit)
        axes.axis("off")
    figure.colorbar(image, ax=grid, label="weight", shrink=0.8)
    return _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    """A figure of its own, in inches; without pyplot it never asks for a window."""
    import matplotlib as mpl  # noqa: PLC0415 - 0.5 s, and most commands draw nothing
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams.update(_STYLE)
    return Figure(figsize=(width, height), dpi=130, layout="constrained")


def _save(figure: Figure, path: Path) -> Path:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_atomically(path, buffer.getvalue())
    return path
