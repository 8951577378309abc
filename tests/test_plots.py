import io
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from mnistcnn import plots
from mnistcnn.data.dataset import ImageDataset
from mnistcnn.events import EpochResult
from mnistcnn.plots import plot_confusion, plot_filters, plot_mistakes, plot_training
from mnistcnn.results import Metrics

HISTORY = [
    EpochResult(
        epoch=e,
        learning_rate=0.1,
        train=Metrics(accuracy=0.9, loss=0.3, count=9),
        validation=Metrics(accuracy=0.95, loss=0.2, count=9),
        seconds=1.0,
        pictures_per_second=9.0,
    )
    for e in (1, 2, 3)
]


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes())).convert("RGB")


def has_colour(picture: Image.Image, colour: tuple[int, int, int]) -> bool:
    pixels = np.asarray(picture, dtype=int)
    return bool((np.abs(pixels - colour).max(axis=2) < 12).any())


def test_the_curves_show_both_splits_the_kept_epoch_and_the_rate() -> None:
    picture = opened(plot_training(Path("out"), HISTORY, 2, [0.1, 0.2, 0.1], "mnist"))
    assert min(picture.size) > 400
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73)):
        assert has_colour(picture, colour)


def test_the_learning_rate_is_named_in_the_legend_and_not_where_an_axis_would_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
    plot_training(Path("out"), HISTORY, 2, [0.001, 0.003, 0.001], "mnist")
    assert [text.get_text() for text in figures[0].legends[0].get_texts()][-1] == "learning rate (peak 0.003)"
    assert sorted(axes.get_ylabel() for axes in figures[0].axes)[:2] == ["", ""]


def test_mistakes_stand_out_on_a_light_ground_and_every_count_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = [[1000 if t == p else 0 for p in range(10)] for t in range(10)]
    for i, p in enumerate((1, 2, 3, 4, 5, 6, 7, 8)):
        matrix[0][p] = i + 1
    pixels = np.asarray(opened(plot_confusion(Path("out"), matrix, "MNIST, test split")), dtype=float)
    assert pixels.mean() > 220
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
    plot_confusion(Path("out"), matrix, "MNIST, test split")
    axes = figures[0].axes[0]
    image = axes.images[0]
    assert image.get_clim() == (0, 8)
    counts = image.get_array()
    assert counts is not None
    cells = image.to_rgba(counts)
    for text in axes.texts:
        column, row = (round(place) for place in text.get_position())
        ground = np.full(3, 0.9) if row == column else cells[row, column, :3]
        light, dark = (0.05 + luminance(colour) for colour in (ground, to_rgb(text.get_color())))
        assert max(light, dark) / min(light, dark) >= 3, (row, column)  # W3C's least contrast of large text
    assert len(axes.texts) == 18


def luminance(colour: Iterable[float]) -> float:
    red, green, blue = ((c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_confusion_matrix_without_mistakes() -> None:
    matrix = [[7 * (t == p) for p in range(10)] for t in range(10)]
    assert opened(plot_confusion(Path("out"), matrix, "MNIST, test split")).size[0] > 500


def test_one_epoch_is_enough_for_a_curve() -> None:
    plot_training(Path("out"), HISTORY[:1], 1, [0.1], "mnist")


def test_the_same_results_give_the_same_bytes() -> None:
    first, second = (plot_training(Path(name), HISTORY, 2, [0.1, 0.2], "mnist").read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_confusion_matrix_without_some_digits() -> None:
    matrix = [[0] * 10 for _ in range(10)]
    matrix[3][3] = 7
    assert opened(plot_confusion(Path("out"), matrix, "MNIST, test split")).size[0] > 500


def test_mistakes_most_confident_first_and_none_at_all() -> None:
    pictures = ImageDataset(torch.full((30, 1, 28, 28), 255, dtype=torch.uint8), torch.zeros(30, dtype=torch.int64))
    right, wrong = np.zeros((30, 10)), np.zeros((30, 10))
    right[:, 0] = wrong[:, 7] = 0.9
    none = opened(plot_mistakes(Path("none"), pictures, right, "t"))
    many = opened(plot_mistakes(Path("many"), pictures, wrong, "t"))
    assert many.size[1] > 2 * none.size[1]


def test_plots_say_what_they_are_of(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
    title = plots.data_title("synthetic", "test")
    assert title == "synthetic digits, test split"
    plot_training(Path("out"), HISTORY, 2, [0.1], "mnist")
    plot_confusion(Path("out"), [[7 * (t == p) for p in range(10)] for t in range(10)], title)
    pictures = ImageDataset(torch.zeros(1, 1, 28, 28, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64))
    plot_mistakes(Path("out"), pictures, np.eye(10)[[3]], title)
    curves, confusion, mistakes = figures
    assert curves.get_suptitle() == "MNIST, train split and validation split"
    words = [text for axes in curves.axes for text in (axes.get_title(), axes.get_ylabel())]
    assert [text for text in words if "%" in text] == ["read correctly (%)"]
    assert confusion.axes[0].get_title() == f"{title}: 70 pictures, 100.00 % read correctly"
    assert mistakes.get_suptitle() == f"{title}: 1 mistake"


def test_what_was_not_read_has_a_column(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
    plot_confusion(Path("out"), [[7 * (t == p) + (p == 10) for p in range(11)] for t in range(10)], "own")
    axes = figures[0].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == [*"0123456789?"]
    assert "87.50 %" in axes.get_title()


def test_pictures_of_any_shape_keep_it(monkeypatch: pytest.MonkeyPatch) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: figures.append(figure))
    images = [np.zeros((40, 10, 3), np.float32), np.zeros((10, 40, 3), np.float32)]
    plots.draw_mistakes(Path("out"), [plots.MistakePicture(image, "1 read as 7") for image in images], "own")
    for image, shown in zip(images, figures[0].axes[0].images, strict=True):
        left, right, bottom, top = shown.get_extent()
        assert (bottom - top) / (right - left) == pytest.approx(image.shape[0] / image.shape[1])


def test_the_filters_are_drawn_on_one_scale() -> None:
    weights = torch.linspace(-1, 1, 25 * 144).view(25, 1, 12, 12)
    assert opened(plot_filters(Path("filters.png"), weights)).size[0] > 500


def test_matplotlib_is_loaded_only_when_something_is_drawn() -> None:
    code = "import sys, mnistcnn.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
