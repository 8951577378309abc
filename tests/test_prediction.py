import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mnistcnn import prediction
from mnistcnn.calibration import probabilities
from mnistcnn.checkpoint import load_checkpoint
from mnistcnn.data import load_dataset
from mnistcnn.device import Compute
from mnistcnn.errors import PictureError
from mnistcnn.metrics import predict_logits
from mnistcnn.prediction import find_images, predict
from tests.conftest import TINY_CONFIG


@pytest.fixture
def pictures(tiny: Path) -> Path:
    """A folder with the first 30 test pictures as PNG files."""
    folder = Path("pictures")
    folder.mkdir()
    test = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100).test
    for i in range(30):
        Image.fromarray(test.images[i, 0].numpy()).save(folder / f"{i:02d}.png")
    return folder


def test_exported_pictures_are_read_as_evaluate_reads_them(
    pictures: Path, trained: Path, tiny: Path, compute: Compute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction, "_BATCH", 7)
    loaded = load_checkpoint(trained)
    test = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100).test
    expected = probabilities(predict_logits(loaded.build_model(compute), test.images[:30], compute), loaded.temperature)
    made = predict([pictures], trained, top_k=10)
    assert [p.path for p in made] == [str(pictures / f"{i:02d}.png") for i in range(30)]
    assert [p.digit for p in made] == expected.argmax(1).tolist()
    for row, one in zip(expected, made, strict=True):
        assert one.confidence == pytest.approx(float(row.max()), rel=1e-4)
        assert sorted(c.digit for c in one.top) == list(range(10))
        assert [c.confidence for c in one.top] == sorted((c.confidence for c in one.top), reverse=True)
        assert sum(c.confidence for c in one.top) == pytest.approx(1.0)


def test_a_picture_that_can_not_be_read_does_not_stop_the_rest(pictures: Path, trained: Path) -> None:
    (pictures / "05.png").write_bytes(b"not a picture")
    made = predict([pictures], trained)
    assert len(made) == 30
    assert made[5].digit is None
    assert made[5].error is not None
    assert "05.png" in made[5].error
    assert all(p.error is None for i, p in enumerate(made) if i != 5)


def test_only_broken_pictures(trained: Path) -> None:
    Path("a.png").write_bytes(b"x")
    assert [p.error is None for p in predict(["a.png", "none.png"], trained)] == [False, False]


def test_less_sure_than_asked_is_unsure(pictures: Path, trained: Path) -> None:
    sure = predict([pictures / "00.png"], trained)[0]
    assert not sure.unsure
    unsure = predict([pictures / "00.png"], trained, min_confidence=1.0)[0]
    assert unsure.unsure
    assert unsure.digit is None
    assert unsure.top == sure.top


def test_an_empty_picture_is_flagged(trained: Path) -> None:
    Image.new("L", (50, 50), 255).save("blank.png")
    assert predict(["blank.png"], trained)[0].warning == "nothing but background"


def test_what_the_network_saw_is_saved_under_names_of_their_own(pictures: Path, trained: Path) -> None:
    (Path("other")).mkdir()
    Image.open(pictures / "03.png").save("other/03.png")
    predict([pictures, "other"], trained, save_input=Path("seen"))
    saved = sorted(p.name for p in Path("seen").iterdir())
    assert len(saved) == 31
    assert (saved[0], saved[30]) == ("00001_00.png", "00031_03.png")
    with Image.open("seen/00004_03.png") as seen, Image.open(pictures / "03.png") as original:
        assert np.array_equal(np.asarray(seen), np.asarray(original))


def test_hostile_names_stay_inside_the_folder(trained: Path) -> None:
    name = "..\\..\\\x1b[31m evil\n.png"
    Image.new("L", (30, 30), 255).save("p.png")
    Path("p.png").rename(name)
    predict([name], trained, save_input=Path("seen"))
    assert [p.parent for p in Path().rglob("0*.png")] == [Path("seen")]
    assert next(Path("seen").iterdir()).name.isprintable()


def test_folders_stand_for_their_pictures_and_files_for_themselves(pictures: Path) -> None:
    (pictures / "notes.txt").write_text("x", encoding="ascii")
    (pictures / "sub.png").mkdir()
    found = find_images([pictures, Path("-"), Path("missing.png")])
    assert len(found) == 32
    assert found[-2:] == [Path("-"), Path("missing.png")]
    Path("empty").mkdir()
    with pytest.raises(PictureError, match="empty is a folder without pictures"):
        find_images([Path("empty")])


def test_predictions_are_plain(pictures: Path, trained: Path) -> None:
    record = predict([pictures / "00.png"], trained)[0].to_dict()
    assert set(record) == {"path", "digit", "confidence", "top", "warning", "error", "unsure"}
    json.dumps(record)
    assert torch.get_num_threads() >= 1
