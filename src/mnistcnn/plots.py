"""The plots of training and evaluation. Matplotlib is loaded when one is drawn, and never opens a window."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnistcnn.events import EpochResult
from mnistcnn.system.storage import write_atomically

if TYPE_CHECKING:
    import torch
    from matplotlib.figure import Figure

    from mnistcnn.data.dataset import ImageDataset

# Every kind of colour vision tells these apart. Source: M. Okabe, K. Ito, "Color universal design".
TRAIN_COLOUR, VALIDATION_COLOUR, KEPT_COLOUR = "#0072B2", "#D55E00", "#009E73"
CURVES, CONFUSION, MISTAKES = "training_curves.png", "confusion_matrix.png", "mistakes.png"
MOST_MISTAKES = 24
_STYLE: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class MistakePicture:
    """A misread image, (height, width, 3) float32 RGB in 0 … 1, and the two lines above it."""

    image: NDArray[np.float32]
    caption: str


def data_title(dataset: str, split: str) -> str:
    """Return the title of a plot of `split`, such as `MNIST, test split`."""
    name = {"mnist": "MNIST", "synthetic": "synthetic digits"}.get(dataset, dataset)
    return f"{name}, {split} split"


def plot_training(
    folder: Path, history: Sequence[EpochResult], best_epoch: int, rates: Sequence[float], dataset: str
) -> Path:
    """Draw loss and accuracy per epoch; `rates` are learning rates, evenly spaced over the whole run.

    Like all plots: return the path of the PNG file in `folder`. Raises `OutputError`.
    """
    figure = _figure(9, 4.2)
    figure.subplots_adjust(left=0.07, right=0.98, bottom=0.2, top=0.85, wspace=0.18)
    epochs = [result.epoch for result in history]
    figure.suptitle(f"{data_title(dataset, 'train')} and validation split", fontsize=11)
    left, right = figure.subplots(1, 2)
    for axes, name, scale, title, unit in (
        (left, "loss", 1.0, "Loss", "cross-entropy (nats)"),
        (right, "accuracy", 100.0, "Accuracy", "read correctly (%)"),
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
        behind = axes.twinx()  # it shows the learning rate in light grey behind the curves
        places = np.linspace(0, epochs[-1], len(rates))
        label = f"learning rate (peak {max(rates):.2g})"
        shade = behind.fill_between(places, rates, color="0.5", alpha=0.15, linewidth=0, label=label)
        behind.set(ylim=(0, 1.05 * max(rates)), yticks=[])
        axes.set_zorder(behind.get_zorder() + 1)
        axes.patch.set_visible(False)
    left.set_ylim(bottom=0)
    handles, _ = left.get_legend_handles_labels()
    figure.legend(handles=[*handles, shade], loc="lower center", ncols=4)
    return _save(figure, folder / CURVES)


def plot_confusion(folder: Path, confusion: Sequence[Sequence[int]], title: str) -> Path:
    """Draw the confusion matrix, (10, 10) or (10, 11) counts: a row for each true digit, a column for each digit read.

    Mistakes are coloured by their number. The eleventh column, `?`, counts images that were not read as one digit.
    """
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    counts = np.asarray(confusion)
    mistakes = np.ma.masked_array(counts, np.eye(counts.shape[0], counts.shape[1], dtype=bool))
    most = max(1, int(mistakes.max()))
    figure = _figure(6.2, 5.6)
    axes = figure.add_axes((0.09, 0.09, 0.75, 0.84))
    axes.set_facecolor("0.9")  # it shows through on the diagonal, where the counts are masked
    image = axes.imshow(mistakes, cmap="Oranges", vmin=0, vmax=most)
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            dark = row != column and counts[row, column] > 0.6 * most
            axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", fontsize=8,
                      color="white" if dark else "black")  # fmt: skip
    accuracy = 100 * np.trace(counts) / max(1, counts.sum())
    columns = range(counts.shape[1])
    axes.set(title=f"{title}: {counts.sum():,} pictures, {accuracy:.2f} % read correctly", xlabel="digit read",
             ylabel="true digit", xticks=columns, yticks=range(10))  # fmt: skip
    axes.set_xticklabels([*"0123456789?"][: len(columns)])
    axes.spines[:].set_visible(False)
    beside = figure.add_axes((0.87, 0.09, 0.035, 0.84))
    bar = figure.colorbar(image, cax=beside, label="mistakes", ticks=MaxNLocator(integer=True))
    bar.outline.set_visible(False)
    return _save(figure, folder / CONFUSION)


def plot_mistakes(folder: Path, pictures: ImageDataset, probability: NDArray[np.float64], title: str) -> Path:
    """Draw up to 24 misread images, the most confident first, with true digit, digit read and confidence.

    `probability` is (N, 10), a row for each of the N `pictures`.
    """
    labels = pictures.labels.cpu().numpy()
    confidence, read = probability.max(axis=1), probability.argmax(axis=1)
    wrong = np.flatnonzero(read != labels)
    wrong = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    mistakes = []
    for i in wrong.tolist():
        grey = 1 - pictures.images[i, 0].cpu().numpy().astype(np.float32) / 255
        caption = f"{labels[i]} read as {read[i]}\n{100 * confidence[i]:.1f} % sure"
        mistakes.append(MistakePicture(np.repeat(grey[:, :, None], 3, axis=2), caption))
    return draw_mistakes(folder, mistakes, title)


def draw_mistakes(folder: Path, mistakes: Sequence[MistakePicture], title: str) -> Path:
    """Draw images with their captions, eight in a row."""
    rows = max(1, -(-len(mistakes) // 8))
    inches = 1.55 * rows + 0.4
    figure = _figure(9.2, inches)
    what = f"{len(mistakes) or 'no'} mistake{'s' * (len(mistakes) != 1)}"
    if len(mistakes) == MOST_MISTAKES:
        what = f"the {MOST_MISTAKES} most confident mistakes"
    figure.suptitle(f"{title}: {what}", fontsize=11)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1 - 0.35 / inches))  # all images share one: 24 of them take a second
    for place, mistake in enumerate(mistakes):
        x, y = 1.15 * (place % 8), 1.5 * (place // 8)
        height, width, _ = mistake.image.shape
        side = max(height, width)
        left = x + (1 - width / side) / 2
        top = y + (1 - height / side) / 2
        extent = (left, left + width / side, top + height / side, top)
        axes.imshow(mistake.image, extent=extent)
        axes.text(x + 0.5, y - 0.05, mistake.caption, ha="center", va="bottom", fontsize=8.5)
    axes.set(xlim=(0, 9.05), ylim=(1.5 * rows - 0.5, -0.45))
    axes.axis("off")
    return _save(figure, folder / MISTAKES)


def plot_filters(path: Path, weights: torch.Tensor) -> Path:
    """Draw the first layer's filters, (25, 1, 12, 12) float, on one colour scale with zero in the middle."""
    filters = weights.detach().cpu()[:, 0].numpy()
    limit = float(np.abs(filters).max()) or 1.0
    figure = _figure(6.4, 5.6)
    figure.set_layout_engine("constrained")
    figure.suptitle("The 25 filters of conv1 (12×12)", fontsize=11)
    grid = figure.subplots(5, 5)
    for axes, kernel in zip(grid.flat, filters, strict=True):
        image = axes.imshow(kernel, cmap="PuOr", vmin=-limit, vmax=limit)
        axes.axis("off")
    figure.colorbar(image, ax=grid, label="weight", shrink=0.8)
    return _save(figure, path)


def _figure(width: float, height: float) -> Figure:
    """Make a figure, in inches, without pyplot, which might open a window."""
    import matplotlib as mpl  # noqa: PLC0415 - it takes 0.5 s, and most commands draw nothing
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams.update(_STYLE)
    return Figure(figsize=(width, height), dpi=130)


def _save(figure: Figure, path: Path) -> Path:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 1})
    write_atomically(path, buffer.getvalue())
    return path
