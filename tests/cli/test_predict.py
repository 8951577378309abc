import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mnistcnn.cli.predict import show_prediction
from mnistcnn.reading.results import Candidate, Prediction
from tests.conftest import invoke, posix
from tests.writing import write


def test_a_prediction_is_one_line_however_long(capsys: pytest.CaptureFixture[str]) -> None:
    made = Prediction(
        path="a" * 150 + ".png",
        digit=7,
        confidence=0.987,
        top=[Candidate(7, 0.987), Candidate(1, 0.01)],
        text="7",
    )
    show_prediction(made, 20)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 1
    assert "7  ██████████  98.7 %  then 1 1.0 %" in out


def test_an_unsure_prediction_names_the_candidates(capsys: pytest.CaptureFixture[str]) -> None:
    made = Prediction(
        path="p.png",
        digit=None,
        confidence=0.4,
        top=[Candidate(7, 0.4), Candidate(1, 0.3)],
        unsure=True,
        text="?",
    )
    show_prediction(made, 5)
    assert "?  ████░░░░░░  40.0 %  unsure: 7 40.0 % 1 30.0 %" in capsys.readouterr().out


def test_runners_up_that_round_to_nothing_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(
        Prediction(
            path="p.png",
            digit=7,
            confidence=0.9996,
            top=[Candidate(7, 0.9996), Candidate(1, 0.0004)],
            text="7",
        ),
        5,
    )
    show_prediction(
        Prediction(
            path="p.png",
            digit=7,
            confidence=0.99935,
            top=[
                Candidate(7, 0.99935),
                Candidate(1, 0.00051),
                Candidate(2, 0.0),
            ],
            text="7",
        ),
        5,
    )
    first, second = capsys.readouterr().out.splitlines()
    assert first == "p.png  7  ██████████ 100.0 %"
    assert second == "p.png  7  ██████████  99.9 %  then 1 0.1 %"


def test_where_there_is_no_digit_there_is_a_dash_and_one_warning(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(Prediction(path="p.png", warning="nothing but background"), 7)
    assert capsys.readouterr() == ("p.png    –\n", "Warning: p.png: nothing but background.\n")


def test_warnings_and_errors_of_pictures_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(
        Prediction(
            path="p.png",
            digit=7,
            confidence=0.4,
            top=[Candidate(7, 0.4)],
            text="7",
            warning="nothing but background",
        ),
        5,
    )
    out, err = capsys.readouterr()
    assert out.startswith("p.png  7")
    assert err.splitlines() == ["Warning: p.png: nothing but background."]


def test_quiet_keeps_warnings_back_and_errors_not() -> None:
    Image.new("L", (50, 50), 255).save("blank.png")
    Path("empty.png").write_bytes(b"")
    result = invoke("predict", "-q", "blank.png", "empty.png")
    assert result.exit_code == 1
    assert result.stdout == "blank.png  –\n"
    assert result.stderr == "Error: empty.png is empty.\n"
    assert json.loads(invoke("predict", "-q", "blank.png", "--json").stdout)["predictions"][0]["warning"]


def test_a_hint_that_several_files_share_is_given_once() -> None:
    for name in ("a.pdf", "b.pdf"):
        Path(name).write_bytes(b"%PDF-1.7")
    result = invoke("predict", "-q", "a.pdf", "b.pdf")
    first, hint, second = result.stderr.splitlines()
    assert first == "Error: a.pdf is a PDF document, not a picture."
    assert hint.startswith("Hint: Save its pages as pictures first")
    assert second.startswith("Error: b.pdf")


def test_json_lines_are_one_for_each_picture_and_page() -> None:
    blank = Image.new("L", (50, 50), 255)
    blank.save("scan.tif", save_all=True, append_images=[blank])
    Path("doc.pdf").write_bytes(b"%PDF-1.7")
    result = invoke("predict", "--jsonl", "scan.tif", "doc.pdf")
    assert result.exit_code == 1
    made = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["schema"], one["path"]) for one in made] == [(1, "scan.tif[1]"), (1, "scan.tif[2]"), (1, "doc.pdf")]
    assert [one["warning"] for one in made] == ["nothing but background"] * 2 + [None]
    assert made[2]["hint"].startswith("Save its pages")
    assert result.stderr.startswith("Network: ") and len(result.stderr.splitlines()) == 1
    both = invoke("predict", "--json", "--jsonl", "scan.tif")
    assert (both.exit_code, both.stderr) == (2, "Error: --json and --jsonl cannot be used together.\n")


@posix
@pytest.mark.parametrize("how", [["--jsonl"], []], ids=["json lines", "text"])
def test_a_line_is_there_as_soon_as_its_picture_is_read(how: list[str]) -> None:
    """The second picture comes only when the first one's line has been seen."""
    Image.new("L", (50, 50), 255).save("blank.png")
    os.mkfifo("later.png")
    cores = os.cpu_count() or 1
    command = [sys.executable, "-m", "mnistcnn", "predict", "-q", *how, *["blank.png"] * cores, "later.png"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"blank.png" in process.stdout.readline()
        Path("later.png").write_bytes(Path("blank.png").read_bytes())
        assert process.stdout.read().count(b"\n") == cores
    assert process.returncode == 0


@posix
def test_the_bash_ways_of_giving_a_stream_work() -> None:
    Image.new("L", (50, 50), 255).save("blank.png")
    line = f"cat blank.png | {sys.executable} -m mnistcnn predict -q /dev/stdin <(cat blank.png)"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert [row.split() for row in done.stdout.splitlines()] == [["/dev/stdin", "–"], [done.stdout.split()[2], "–"]]


def test_folders_within_folders_are_searched_unless_told() -> None:
    Path("f/g").mkdir(parents=True)
    for name in ("f/10.png", "f/9.png", "f/g/1.png"):
        Image.new("L", (50, 50), 255).save(name)
    assert [line.split()[0] for line in invoke("predict", "-q", "f").stdout.splitlines()] == [
        "f/9.png",
        "f/10.png",
        "f/g/1.png",
    ]
    assert len(invoke("predict", "-q", "f", "--no-recursive").stdout.splitlines()) == 2


def test_the_samples_are_read_and_named_shortly() -> None:
    result = invoke("predict", "--sample")
    assert result.exit_code == 0
    lines = [line.split()[:2] for line in result.stdout.splitlines()]
    assert lines == [["2_chalkboard.jpg", "2"], ["7_squared_paper.png", "7"]]
    document = json.loads(invoke("predict", "--sample", "--json").stdout)
    assert all(Path(made["path"]).is_file() for made in document["predictions"])


@pytest.mark.parametrize("arguments", [[], ["x.png", "--sample"]])
def test_either_pictures_or_the_samples(arguments: list[str]) -> None:
    result = invoke("predict", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: Give either IMAGE... or --sample.")


def test_further_rows_of_a_number_stand_below_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    show_prediction(Prediction(path="p.png", digit=None, confidence=0.95, top=[], text="23 58\n6?9\n1"), 7)
    assert capsys.readouterr().out.splitlines() == [
        "p.png    23 58  ██████████  95.0 %",
        "         6?9",
        "         1",
    ]


def test_what_is_doubted_is_named_with_what_it_would_be(capsys: pytest.CaptureFixture[str]) -> None:
    candidates = [Candidate(7, 0.8), Candidate(1, 0.1)]
    show_prediction(
        Prediction(path="p.png", digit=None, confidence=0.8, top=candidates, warning="probably not a digit"), 5
    )
    out, err = capsys.readouterr()
    assert out == "p.png  ?  would be: 7 80.0 % 1 10.0 %\n"
    assert err == "Warning: p.png: probably not a digit.\n"


@pytest.fixture
def number() -> str:
    Image.fromarray(write("2358\n679")[0]).save("n.png")
    return "n.png"


def test_numbers_are_printed_and_written_as_json(number: str) -> None:
    first, second = invoke("predict", number).stdout.splitlines()
    assert first.split()[:2] == [number, "2358"]
    assert second.split() == ["679"]
    document = json.loads(invoke("predict", number, "--json").stdout)
    (made,) = document["predictions"]
    keys = {"path", "digit", "confidence", "top", "warning", "error", "hint", "unsure", "text", "digits", "marks"}
    assert set(made) == keys
    assert (made["text"], made["digit"], made["top"]) == ("2358\n679", None, [])
    assert [(digit["digit"], digit["row"]) for digit in made["digits"]] == [
        *((digit, 0) for digit in (2, 3, 5, 8)),
        *((digit, 1) for digit in (6, 7, 9)),
    ]
    assert all(set(d) == {"digit", "confidence", "top", "box", "row", "space", "doubted"} for d in made["digits"])


def test_a_number_is_shown_saved_and_annotated_digit_by_digit(number: str) -> None:
    result = invoke("predict", number, "--show", "--save-input", "seen", "--annotate", "marked")
    assert result.exit_code == 0
    assert sum(line.count("│") for line in result.stdout.splitlines()) == 7 * 14 * 2  # seven frames
    assert len(list(Path("seen").iterdir())) == 7
    assert [path.name for path in Path("marked").iterdir()] == ["00001_n_marked.png"]


def test_single_and_accept_doubted_are_passed_on(number: str) -> None:
    made = json.loads(invoke("predict", number, "--json", "--single", "--accept-doubted").stdout)["predictions"][0]
    assert len(made["digits"]) == 1
    assert made["digit"] is not None
