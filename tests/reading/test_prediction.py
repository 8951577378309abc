import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import Checkpoint, load_checkpoint
from mnistcnn.data.dataset import load_dataset
from mnistcnn.ink.decoding import Decoded
from mnistcnn.network.device import Compute
from mnistcnn.network.inference import predict_logits
from mnistcnn.network.model import build_model
from mnistcnn.reading.prediction import Options, predict, summarise_reading
from mnistcnn.reading.results import TOO_MANY, Candidate, PredictedDigit, Reading, UnreadMark
from mnistcnn.reading.sources import ImageLike, Source
from tests.conftest import TINY_CONFIG
from tests.writing import Picture, off_by, write


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
    loaded = load_checkpoint(trained)
    test = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=100).test
    logits = predict_logits(build_model(loaded.weights, compute), test.images[:30], compute)
    expected = torch.from_numpy(probabilities(logits.numpy(), loaded.temperature))
    made = predict([pictures], trained, top_k=10, accept_doubted=True)  # which `evaluate` does not ask
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
    sure = predict([pictures / "00.png"], trained, accept_doubted=True)[0]
    assert not sure.unsure
    unsure = predict([pictures / "00.png"], trained, min_confidence=1.0, accept_doubted=True)[0]
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
    keys = "path digit confidence top warning error hint unsure text digits marks"
    assert set(record) == set(keys.split())
    assert set(record["digits"][0]) == {"digit", "confidence", "top", "box", "row", "space", "doubted"}
    assert json.loads(json.dumps(record))["digits"][0]["box"] == list(record["digits"][0]["box"])


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


def test_a_number_has_its_text_and_digits_and_no_digit(packaged: Checkpoint) -> None:
    picture, boxes = write("2358 679\n12")
    (made,) = predict(picture, packaged, top_k=3)
    assert made.text == "2358 679\n12"
    assert (made.digit, made.top, made.warning, made.unsure) == (None, [], None, False)
    assert [digit.digit for digit in made.digits] == [2, 3, 5, 8, 6, 7, 9, 1, 2]
    assert [digit.row for digit in made.digits] == [0] * 7 + [1] * 2
    for digit, box in zip(made.digits, boxes, strict=True):
        assert off_by(digit.box, box) <= 4
        assert len(digit.top) == 3 and digit.top[0].digit == digit.digit
        assert digit.confidence == digit.top[0].confidence
    assert made.confidence is not None and made.confidence <= min(digit.confidence for digit in made.digits)
    assert json.loads(json.dumps(made.to_dict()))["text"] == made.text


def test_one_digit_is_the_shortest_number(packaged: Checkpoint) -> None:
    (made,) = predict(write("7")[0], packaged)
    (digit,) = made.digits
    assert (made.text, made.digit, digit.digit) == ("7", 7, 7)
    assert made.top == digit.top
    assert made.confidence is not None and 0.9 < made.confidence <= digit.confidence  # and that it is a digit at all


def test_single_reads_one_digit_where_there_are_several(packaged: Checkpoint) -> None:
    (made,) = predict(write("2358")[0], packaged, single=True)
    assert len(made.digits) == 1
    assert made.confidence is not None and made.top[0].confidence >= made.confidence
    assert made.warning in ("several separate digits", "probably not a digit")


def test_what_is_doubted_has_no_digit_but_says_what_it_would_be(packaged: Checkpoint, star: Picture) -> None:
    (doubted,) = predict(star, packaged)
    assert (doubted.digit, doubted.text, doubted.unsure) == (None, None, False)
    assert doubted.warning == "probably not a digit"
    (digit,) = doubted.digits
    assert digit.doubted and digit.digit is None
    assert len(doubted.top) == 2 and doubted.top == digit.top
    (accepted,) = predict(star, packaged, accept_doubted=True)
    assert accepted.digit == doubted.top[0].digit
    assert accepted.text == str(accepted.digit)
    assert accepted.warning is None and not accepted.digits[0].doubted


def read_number(*digits: tuple[float, bool, int, bool], warning: str | None = None) -> Reading:
    """A reading of 7s: the confidence of each, whether it is doubted, its row, whether a space is before it."""
    frame = np.zeros((28, 28), np.uint8)
    made = [
        PredictedDigit(
            digit=None if doubted else 7,
            confidence=sure,
            top=[Candidate(7, sure), Candidate(6, 1 - sure)],
            box=(0, 0, 9, 9),
            row=row,
            space=space,
            doubted=doubted,
        )
        for sure, doubted, row, space in digits
    ]
    return Reading(digits=made, frames=[frame] * len(made), confidence=0.5, warning=warning, original=frame)


def test_unsure_and_doubted_digits_of_a_number_are_marked() -> None:
    reading = read_number((0.9, False, 0, False), (0.6, False, 0, True), (0.9, True, 0, False), (0.9, False, 1, False))
    made = summarise_reading("n", reading, Options())
    assert (made.text, made.unsure, made.warning) == ("7 7?\n7", False, "some of the marks may not be digits")
    strict = summarise_reading("n", reading, Options(min_confidence=0.8))
    assert (strict.text, strict.unsure) == ("7 ??\n7", True)
    assert [digit.digit for digit in strict.digits] == [7, None, None, 7]
    assert [digit.top[0].digit for digit in strict.digits] == [7] * 4
    accepted = summarise_reading("n", reading, Options(accept_doubted=True))
    assert (accepted.text, accepted.warning) == ("7 77\n7", None)


def test_a_sign_or_a_question_mark_stands_in_the_place_of_a_space() -> None:
    reading = read_number((0.9, False, 0, False), (0.9, False, 0, True), (0.9, False, 0, True))
    colon = UnreadMark(text=":", box=(0, 0, 1, 1), row=0, digits_before=1)
    unnamed = UnreadMark(text=None, box=(0, 0, 1, 1), row=0, digits_before=2)
    made = summarise_reading("n", replace(reading, marks=[colon, unnamed]), Options())
    assert (made.text, made.marks, made.warning) == ("7:7?7", [colon, unnamed], "some of the marks may not be digits")


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_mark_without_a_name_is_a_question_mark_between_digits_of_its_row_only(before: int) -> None:
    reading = read_number((0.9, False, 0, False), (0.9, False, 1, False))
    unnamed = UnreadMark(text=None, box=(0, 0, 1, 1), row=min(before, 1), digits_before=before)
    made = summarise_reading("n", replace(reading, marks=[unnamed]), Options())
    assert (made.text, made.warning) == ("7\n7", None)


def test_a_number_of_which_all_is_doubted_has_no_text() -> None:
    made = summarise_reading("n", read_number((0.9, True, 0, False), (0.9, True, 0, False)), Options())
    assert (made.text, made.warning) == (None, "probably not a digit")
    assert len(made.digits) == 2


def test_too_many_marks_are_told_whatever_is_doubted() -> None:
    reading = read_number((0.9, True, 0, False), (0.9, False, 0, False), warning=TOO_MANY)
    assert summarise_reading("n", reading, Options()).warning == TOO_MANY


def test_every_digit_of_a_number_is_saved(packaged: Checkpoint) -> None:
    Image.fromarray(write("235")[0]).save("three.png")
    Image.fromarray(write("7")[0]).save("one.png")
    predict(["three.png", "one.png"], packaged, save_input=Path("seen"))
    names = sorted(path.name for path in Path("seen").iterdir())
    assert names == ["00001_three_01.png", "00001_three_02.png", "00001_three_03.png", "00002_one.png"]
    with Image.open("seen/00001_three_02.png") as seen:
        assert seen.size == (28, 28)


@pytest.mark.parametrize(("annotate", "lost"), [(None, 0), (Path("marked"), 2)], ids=["read", "annotated"])
def test_pictures_that_vanish_after_they_were_read_end_no_run(
    annotate: Path | None, lost: int, packaged: Checkpoint, star: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, picture in (("star.png", star), ("number.png", write("28")[0])):
        Image.fromarray(picture).save(name)
    decode = Source.decode

    def decode_once(source: Source) -> Decoded:
        decoded = decode(source)
        Path(source.name).unlink()
        return decoded

    monkeypatch.setattr(Source, "decode", decode_once)
    star_read, number_read = predict(["star.png", "number.png"], packaged, device="cpu", annotate=annotate)
    assert sum(read.error is not None for read in (star_read, number_read)) == lost
    assert lost or (star_read.text, number_read.text) == (None, "28")


def test_a_picture_for_which_the_memory_is_too_small_costs_no_other(
    packaged: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(write("3")[0]).save("three.png")
    Image.new("L", (777, 50), 255).save("wide.png")

    def decode(source: Source) -> Decoded:
        decoded = read(source)
        if decoded.size[0] == 777:
            raise MemoryError
        return decoded

    read = Source.decode
    monkeypatch.setattr(Source, "decode", decode)
    wide, three = predict(["wide.png", "three.png"], packaged, single=True)
    assert (wide.error, three.digit) == ("wide.png is too large for the memory that is left.", 3)


def test_one_folder_may_get_both_frames_and_annotated_pictures(packaged: Checkpoint) -> None:
    Image.fromarray(write("3")[0]).save("three.png")
    predict("three.png", packaged, single=True, save_input=Path("out"), annotate=Path("out"))
    assert sorted(path.name for path in Path("out").iterdir()) == ["00001_three.png", "00001_three_marked.png"]


def test_pictures_are_annotated_under_names_of_their_own(packaged: Checkpoint) -> None:
    picture, _ = write("235")
    Image.fromarray(picture).save("three.png")
    predict(["three.png", "none.png", "three.png"], packaged, annotate=Path("marked"))
    assert sorted(path.name for path in Path("marked").iterdir()) == [
        "00001_three_marked.png",
        "00003_three_marked.png",
    ]
    with Image.open("marked/00001_three_marked.png") as marked:
        assert marked.size == picture.shape[::-1]
        assert np.any(np.asarray(marked) != picture[:, :, None])


@pytest.mark.parametrize(
    "code",
    [
        "from mnistcnn.cli.predict import predict; predict([PICTURE])",
        "import mnistcnn; mnistcnn.predict(PICTURE)",
        "from pathlib import Path; from mnistcnn.web.reader import Reader; Reader().read(Path(PICTURE).read_bytes())",
        "import mnistcnn.picture_evaluation",
    ],
    ids=["predict", "Python", "draw", "evaluate --pictures"],
)
def test_reading_loads_nothing_that_it_can_do_without(code: str) -> None:
    """PyTorch alone takes ten times as long to import as everything else takes together."""
    picture = str(Path(__file__).parents[1] / "pictures" / "0_marker.png")
    heavy = "{'torch', 'torchvision', 'matplotlib', 'scipy'}"  # older releases of filelock load asyncio
    code = f"import sys; PICTURE = {picture!r}; {code}; print('loaded', {heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded set()"
