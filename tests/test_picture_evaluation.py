import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mnistcnn import picture_evaluation
from mnistcnn.data.synthetic import render_digits
from mnistcnn.data.verified_files import encode_idx
from mnistcnn.errors import DataError, PictureError
from mnistcnn.events import Event, Note
from mnistcnn.picture_evaluation import NO_ANSWER, evaluate_pictures
from mnistcnn.plots import CONFUSION, MISTAKES
from tests.conftest import invoke
from tests.writing import write


def picture(path: str, text: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(write(text)[0]).save(path)


@pytest.fixture
def own() -> Path:
    """Two right digits, one that is labelled wrongly, a number, a page without a digit, and a broken file."""
    picture("own/2/a.png", "2")
    picture("own/3/deep/b.png", "3")
    picture("own/5/wrong.png", "6")
    picture("own/7/two.png", "23")
    Image.new("L", (60, 60), 255).save("own/7/blank.png")
    Path("own/8").mkdir()
    Path("own/8/broken.png").write_bytes(b"x")
    Path("own/9").mkdir()  # there are none yet
    return Path("own")


def test_own_pictures_are_measured_as_predict_reads_them(own: Path) -> None:
    told: list[Event] = []
    result = evaluate_pictures(own, output_dir=Path("out"), observer=told.append)
    assert (result.count, result.accuracy) == (5, 0.4)
    assert result.accuracy_interval[0] < 0.4 < result.accuracy_interval[1]
    found = {(t, p): n for t, row in enumerate(result.confusion_matrix) for p, n in enumerate(row) if n}
    assert found == {(2, 2): 1, (3, 3): 1, (5, 6): 1, (7, NO_ANSWER): 2}
    assert (result.doubted, result.not_one_digit) == (0, 2)
    assert {m.path: (m.digit, m.text) for m in result.mistakes} == {
        "own/5/wrong.png": (5, "6"),
        "own/7/two.png": (7, "23"),
        "own/7/blank.png": (7, None),
    }
    assert result.mistakes[-1].path == "own/7/blank.png"
    assert result.unreadable == ["own/8/broken.png is not a picture that can be read."]
    assert Note(result.unreadable[0], warning=True) in told
    assert [score.count for score in result.per_digit] == [0, 0, 1, 1, 0, 1, 0, 2, 0, 0]
    assert result.files == [f"out/{CONFUSION}", f"out/{MISTAKES}"]
    assert all(Path(name).read_bytes().startswith(b"\x89PNG") for name in result.files)


def test_single_reads_a_number_as_one_digit(own: Path) -> None:
    result = evaluate_pictures(own, single=True)
    assert result.not_one_digit == 1  # the blank page
    assert len(result.mistakes) == 3


def test_every_page_has_the_digit_of_its_folder() -> None:
    pages = [Image.fromarray(write(text)[0]) for text in ("4", "4")]
    Path("own/4").mkdir(parents=True)
    pages[0].save("own/4/scan.tif", save_all=True, append_images=pages[1:])
    picture("own/4/z.png", "5")
    result = evaluate_pictures("own")
    assert (result.count, result.confusion_matrix[4][4], result.confusion_matrix[4][5]) == (3, 2, 1)


@pytest.mark.parametrize("dots", [False, True])
def test_idx_files_of_any_count_are_measured(dots: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_evaluation, "_IDX_BATCH", 20)
    images, labels = render_digits(50, 1)
    labels[7] = (labels[7] + 1) % 10
    images[11] = 0
    images[11, 4:24:6, 4:24] = images[11, 4:24, 4:24:6] = 255  # a grid
    Path("idx").mkdir()
    for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
        name = f"my-{kind}-ubyte".replace("-idx", ".idx" if dots else "-idx")
        Path("idx", f"{name}.gz").write_bytes(gzip.compress(encode_idx(array)))
    result = evaluate_pictures("idx", output_dir=Path("out"))
    assert result.count == 50
    assert result.accuracy > 0.5
    assert sum(result.confusion_matrix[d][d] for d in range(10)) == round(50 * result.accuracy)
    assert any(mistake.path.endswith(".gz[7]") for mistake in result.mistakes)
    assert result.doubted == sum(row[NO_ANSWER] for row in result.confusion_matrix) >= 1


def test_emnist_is_turned() -> None:
    images, labels = render_digits(50, 1)
    for prefix, stored in (("", images), ("emnist-", images.transpose(0, 2, 1))):
        Path(f"{prefix}idx").mkdir()
        Path(f"{prefix}idx/{prefix}images-idx3-ubyte").write_bytes(encode_idx(np.ascontiguousarray(stored)))
        Path(f"{prefix}idx/{prefix}labels-idx1-ubyte").write_bytes(encode_idx(labels))
    straight, turned = evaluate_pictures("idx"), evaluate_pictures("emnist-idx")
    assert straight.confusion_matrix == turned.confusion_matrix


def test_qmnist_has_eight_columns_of_labels() -> None:
    images, labels = render_digits(50, 1)
    table = np.full((50, 8), 99, ">i4")
    table[:, 0] = labels
    for folder, name, content in (
        ("idx", "labels-idx1-ubyte", encode_idx(labels)),
        ("qmnist", "labels-idx2-int", b"\0\0\x0c\2" + np.array(table.shape, ">u4").tobytes() + table.tobytes()),
    ):
        Path(folder).mkdir()
        Path(folder, "images-idx3-ubyte").write_bytes(encode_idx(images))
        Path(folder, name).write_bytes(content)
    assert evaluate_pictures("qmnist").confusion_matrix == evaluate_pictures("idx").confusion_matrix
    table[3, 0] = -1
    header = b"\0\0\x0c\2" + np.array(table.shape, ">u4").tobytes()
    Path("qmnist/labels-idx2-int").write_bytes(header + table.tobytes())
    with pytest.raises(DataError, match="labels that are not digits"):
        evaluate_pictures("qmnist")


def test_a_folder_that_can_not_be_measured_is_told() -> None:
    images, labels = np.zeros((3, 28, 28), np.uint8), np.array([1, 2, 3], np.uint8)

    def said(images_file: bytes | None, labels_file: bytes | None) -> str:
        Path("idx").mkdir(exist_ok=True)
        for name, content in (("a-images-idx3-ubyte", images_file), ("a-labels-idx1-ubyte", labels_file)):
            Path("idx", name).unlink(missing_ok=True)
            if content is not None:
                Path("idx", name).write_bytes(content)
        with pytest.raises(DataError) as caught:
            evaluate_pictures("idx")
        return caught.value.message

    assert said(None, None) == "idx has neither folders 0 to 9 with pictures nor IDX files."
    assert said(encode_idx(images), None) == "The labels of idx/a-images-idx3-ubyte are missing."
    assert "do not hold pictures of 28×28 pixels" in said(encode_idx(images[:2]), encode_idx(labels))
    assert "labels that are not digits" in said(encode_idx(images), encode_idx(labels + 9))
    assert said(b"x", encode_idx(labels)).startswith("idx/a-images-idx3-ubyte: not an IDX file")
    with pytest.raises(DataError, match=r"none is not a folder\."):
        evaluate_pictures("none")
    Path("own/1").mkdir(parents=True)
    Path("own/1/a.png").write_bytes(b"x")
    with pytest.raises(PictureError, match="None of the pictures in own can be read"):
        evaluate_pictures("own")


def test_the_command_reports_in_text_and_in_json(own: Path) -> None:
    result = invoke("evaluate", "--pictures", own, "--min-accuracy", "0.5")
    assert result.exit_code == 3
    lines = result.stdout.splitlines()
    assert lines[-1].startswith("accuracy    40.00 %   (95 % interval ")
    assert any(line.split() == ["5", "6", line.split()[2], "%", "own/5/wrong.png"] for line in lines if "wrong" in line)
    assert "Warning: own/8/broken.png is not a picture that can be read." in result.stderr
    document = json.loads(invoke("evaluate", "--pictures", own, "--json", "-q").stdout)
    keys = "schema checkpoint trained_on pictures count accuracy accuracy_interval confusion_matrix per_digit doubted "
    keys += "doubted_right not_one_digit mistakes unreadable seconds pictures_per_second environment files"
    assert list(document) == keys.split()


@pytest.mark.parametrize("more", [["--split", "train"], ["--dataset", "mnist"], ["--data-dir", "."]])
def test_pictures_are_not_mixed_with_a_data_set(more: list[str]) -> None:
    result = invoke("evaluate", "--pictures", ".", *more)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--pictures cannot be used together with" in result.stderr
    assert invoke("evaluate", "--single").exit_code == 2
