import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnistcnn import load_dataset
from mnistcnn.config import DatasetName
from mnistcnn.data.synthetic import render_digits
from mnistcnn.reading.detector import NONE, read_detector
from recipes import detector
from recipes.detector import Recipe, arrays_of, make_material, save, train, warp_images

DIGITS, LABELS = render_digits(60, 1)
TINY = Recipe(varied=1, drawn=20, counterexamples=30, segments=40, epochs=2, batch=32, checked=20)


def test_the_material_has_digits_and_other_frames_and_depends_on_the_seed() -> None:
    first, again = (make_material(TINY, DIGITS, LABELS.astype(np.int64)) for _ in range(2))
    assert np.array_equal(first.frames, again.frames) and np.array_equal(first.labels, again.labels)
    assert len(first.frames) == len(first.labels)
    assert 60 + 60 + 20 + 30 + 20 < len(first.frames) <= 60 + 60 + 20 + 30 + 40
    counts = np.bincount(first.labels, minlength=NONE + 1)
    assert counts[NONE] >= 30 and counts[:NONE].min() > 0


def test_what_is_saved_computes_what_was_trained(tmp_path: Path) -> None:
    material = make_material(TINY, DIGITS, LABELS.astype(np.int64))
    first, again = (train(TINY, material) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    save(tmp_path / "detector.npz", arrays_of(first, -1.5))
    saved = read_detector(tmp_path / "detector.npz")
    assert saved.threshold == -1.5
    with torch.inference_mode():
        expected = first(torch.from_numpy(DIGITS)[:, None].float() / 255).numpy()
    expected[:, NONE] += detector.PRIOR
    np.testing.assert_allclose(saved.logits(DIGITS), expected, atol=0.02)  # float16


def test_training_lowers_the_loss() -> None:
    material = make_material(TINY, DIGITS, LABELS.astype(np.int64))
    images = torch.from_numpy(material.frames)[:, None].float() / 255

    def loss(network: torch.nn.Module) -> float:
        with torch.inference_mode():
            return float(torch.nn.functional.cross_entropy(network(images), torch.from_numpy(material.labels)))

    untrained, trained = (train(replace(TINY, epochs=epochs), material) for epochs in (0, 30))
    assert loss(trained) < loss(untrained) - 0.3


def test_warped_images_are_a_share_of_them() -> None:
    images = torch.from_numpy(DIGITS[:10])[:, None].float() / 255
    warped = warp_images(images, 0.4, torch.Generator().manual_seed(1))
    assert torch.equal(warped[4:], images[4:])
    assert not any(torch.equal(a, b) for a, b in zip(warped[:4], images[:4], strict=True))
    assert float(warped.min()) >= 0 and float(warped.max()) <= 1.0001


def test_the_command_trains_writes_and_prints_figures_of_real_pictures(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "real" / "hands"
    folder.mkdir(parents=True)
    for i in range(6):
        Image.fromarray(255 - DIGITS[i]).save(folder / f"{i}.png")
    rows = [f"{i}.png,hand {i}" for i in range(6)]
    (folder / "labels.csv").write_text("\n".join(["file,repo", *rows]))
    output = tmp_path / "out" / "detector.npz"
    options = ["--epochs", "1", "--output", str(output), "--real", str(tmp_path / "real")]
    monkeypatch.setattr(sys, "argv", ["recipes.detector", *options])
    monkeypatch.setattr(detector, "Recipe", lambda: TINY)
    data = load_dataset(DatasetName.SYNTHETIC, data_dir=tiny, validation_size=100)
    monkeypatch.setattr(detector, "load_dataset", lambda name, seed: data)
    detector.main()
    printed = capsys.readouterr().out
    assert "material: " in printed and "hands (" in printed and "hands, held out (" in printed
    about = json.loads(output.with_suffix(".json").read_text(encoding="utf-8"))
    assert about["recipe"]["epochs"] == 1 and about["threshold"] == read_detector(output).threshold
    assert set(about["doubted"]) >= {"MNIST, test", "counterexamples", "hands", "hands, held out"}
