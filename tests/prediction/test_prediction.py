import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.calibration import probabilities
from mnistcnn.checkpoint import load_checkpoint
from mnistcnn.data import load_dataset
from mnistcnn.device import Compute
from mnistcnn.metrics import predict_logits
from mnistcnn.prediction import predict, predictor
from mnistcnn.prediction.sources import ImageLike
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
    monkeypatch.setattr(predictor, "_BATCH", 7)
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


def test_predictions_are_plain(pictures: Path, trained: Path) -> None:
    record = predict([pictures / "00.png"], trained)[0].to_dict()
    assert set(record) == {"path", "digit", "confidence", "top", "warning", "error", "unsure", "text", "digits"}
    assert set(record["digits"][0]) == {"digit", "confidence", "top", "box", "row", "doubted"}
    assert json.loads(json.dumps(record))["digits"][0]["box"] == list(record["digits"][0]["box"])
    assert torch.get_num_threads() >= 1


def drawing() -> NDArray[np.uint8]:
    """A light 7 on dark colours, (90, 60, 4) uint8, opaque."""
    pixels = np.full((90, 60, 4), (20, 40, 60, 255), dtype=np.uint8)
    pixels[20:28, 15:45] = 255
    pixels[28:75, 35:43] = (250, 240, 200, 255)
    return pixels


def shapes() -> dict[str, NDArray[np.uint8]]:
    """The drawing in each shape that an array may have, and once with holes."""
    pixels, holes = drawing(), drawing()
    holes[:, :, 3] = holes[:, :, 0]
    return {"grey": pixels[:, :, 0], "rgb": pixels[:, :, :3], "rgba": pixels, "holes": holes}


@pytest.mark.parametrize("shape", shapes())
def test_an_array_its_image_and_its_file_are_read_alike(trained: Path, shape: str) -> None:
    array = shapes()[shape]
    image = Image.fromarray(array)
    image.save("seven.png")
    (expected,) = predict("seven.png", trained, top_k=10)
    assert expected.path == "seven.png" and expected.digit is not None
    given: list[ImageLike] = [array, image, array / 255, (array / np.float32(255)), torch.from_numpy(array.copy())]
    for one in given:
        assert predict(one, trained, top_k=10) == [replace(expected, path="image 1")]
    together = predict(given, trained, top_k=10)
    assert [p.path for p in together] == [f"image {n}" for n in range(1, 6)]
    assert [p.digit for p in together] == [expected.digit] * 5
    with Image.open("seven.png") as opened:
        assert predict(opened, trained, top_k=10) == [replace(expected, path="image 1")]


def test_a_framed_array_is_read_as_it_is(pictures: Path, trained: Path) -> None:
    with Image.open(pictures / "03.png") as image:
        array = np.asarray(image)
    assert array.shape == (28, 28)
    (expected,) = predict(pictures / "03.png", trained)
    for given in (array, array / 255, array / np.float32(255)):
        assert predict(given, trained, save_input=Path("seen")) == [replace(expected, path="image 1")]
        with Image.open("seen/00001_image_1.png") as seen:
            assert np.array_equal(np.asarray(seen), array)


def test_all_kinds_of_images_go_together(pictures: Path, trained: Path) -> None:
    with Image.open(pictures / "02.png") as closed:
        pass
    first, empty = str(pictures / "01.png"), Image.new("L", (0, 9))
    made = predict((one for one in (drawing(), pictures, first, empty, closed)), trained)
    assert [p.path for p in made[:2]] == ["image 1", str(pictures / "00.png")]
    assert [p.path for p in made[31:]] == [first, "image 4", "image 5"]
    assert made[31] == made[2]
    assert [p.digit for p in made[32:]] == [None, None]
    assert made[32].error == "image 4 has no pixels."
    assert made[33].error is not None and made[33].error.startswith("image 5 can't be read: ")
