"""Any input ends with a documented exit code, in one line, without a traceback or a file outside the named folders."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.checkpoints.pickled import read_pickle
from mnistcnn.data.dataset import load_dataset
from mnistcnn.errors import CheckpointError
from mnistcnn.network.device import resolve_device
from mnistcnn.training.resume import UnfinishedRun, load_unfinished, save_unfinished
from mnistcnn.training.trainer import Trainer
from tests.conftest import TINY_CONFIG, invoke

FUZZ = settings(max_examples=60, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Change, cut off, double or insert bytes of a valid file."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(changed) - 1)))
        match draw(st.integers(0, 3)):
            case 0:
                changed[at : at + 1] = draw(st.binary(min_size=1, max_size=4))
            case 1:
                del changed[at:]
            case 2:
                changed[at:at] = changed[at : at + 50]
            case _:
                changed[at : at + 4] = draw(st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"]))
    return bytes(changed)


def refused_or_loaded(path: Path, content: bytes, load: Callable[[Path], object]) -> None:
    """Expect that a file is loaded and checked, or rejected in one short line."""
    path.write_bytes(content)
    try:
        load(path)
    except CheckpointError as error:
        assert str(path) in error.message
        assert "\n" not in error.message
        assert len(error.message) < len(str(path)) + 300


def repacked(content: bytes, changes: dict[str, bytes]) -> bytes:
    """An archive with some of its files changed, and the right checksums; the names are without their folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, changes.get(name.partition("/")[2], old.read(name)))
    return buffer.getvalue()


def test_damaged_checkpoints(trained: Path, tmp_path: Path) -> None:
    content = trained.read_bytes()
    head, tail = content[:3000], content[-3000:]  # the pickle, and the zip's directory

    @FUZZ
    @given(mutated(head) | st.just(head), mutated(tail) | st.just(tail))
    def check(new_head: bytes, new_tail: bytes) -> None:
        refused_or_loaded(tmp_path / "net.pth", new_head + content[3000:-3000] + new_tail, load_checkpoint)

    check()


@pytest.fixture(scope="module")
def unfinished(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a run that was stopped in its second epoch."""
    data = load_dataset(TINY_CONFIG.dataset, data_dir=tiny, validation_size=TINY_CONFIG.validation_size)
    trainer = Trainer(TINY_CONFIG, resolve_device("cpu"), data.train, data.validation)
    for _ in zip(range(3), trainer.run(), strict=False):
        pass
    path = tmp_path_factory.mktemp("unfinished") / "net.pth.unfinished"
    run = UnfinishedRun(config=TINY_CONFIG, data=data.describe(), seconds=1.0, state=trainer.state_dict())
    save_unfinished(path, run)
    return path.read_bytes()


@pytest.mark.parametrize("load", [load_checkpoint, load_unfinished])
def test_damage_with_the_right_checksums(load: Callable[[Path], object], unfinished: bytes, tmp_path: Path) -> None:
    """The pickle and a tensor's values are changed, and the zip archive around them is made to match."""
    content = unfinished if load is load_unfinished else PACKAGED.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    program = files["data.pkl"]
    values = files["data/1"]

    @settings(FUZZ, max_examples=25)
    @given(mutated(program) | st.just(program), mutated(values) | st.just(values))
    def check(new_program: bytes, new_values: bytes) -> None:
        changed = repacked(content, {"data.pkl": new_program, "data/1": new_values})
        refused_or_loaded(tmp_path / "file", changed, load)

    check()


CODES = b"}])(.0N2Kabdsuteqrhj\x85\x86\x87\x88"
INSTRUCTIONS = st.sampled_from([bytes([code]) for code in CODES]) | st.binary(max_size=2)


@settings(FUZZ, max_examples=300)
@given(st.lists(INSTRUCTIONS, max_size=60))
def test_any_pickle_ends(instructions: list[bytes]) -> None:
    with suppress(ValueError):
        read_pickle(b"\x80\x02" + b"".join(instructions) + b".", {"0": memoryview(bytes(40))})


WORDS = st.sampled_from(
    [
        "train",
        "evaluate",
        "predict",
        "summary",
        "--help",
        "-h",
        "--json",
        "-q",
        "--epochs",
        "--device",
        "--lr",
        "--top-k",
        "--split",
        "--checkpoint",
        "-c",
        "-o",
        "--output-dir",
        "--plot",
        "--min-accuracy",
        "--min-confidence",
        "--invert",
        "--resume",
        "--restart",
        "--save-every",
        "cpu",
        "cuda",
        "mps",
        "0",
        "1",
        "-1",
        "nan",
        "1e999",
        "x.png",
        ".",
        "..",
        "-",
        "none.pth",
        "[red]",
        "out/x",
        "validation",
        "--data-dir",
        "--dataset",
        "synthetic",
    ]
) | st.text(st.characters(codec="utf-8", exclude_characters="/\0"), max_size=8)


@pytest.fixture
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked for MNIST")

    monkeypatch.setattr("mnistcnn.data.cache.download_mnist", refuse)


@pytest.mark.usefixtures("_offline")
@settings(FUZZ, max_examples=120)
@example(["train"])
@example(["train", "-o", "."])
@example(["evaluate"])
@given(st.lists(WORDS, max_size=7))
def test_any_command_line_ends_with_a_documented_code(words: list[str]) -> None:
    if "train" in words[:1] and "synthetic" in words:
        return  # would draw digits and train
    if any(word.startswith(("--i", "--s", "--m")) for word in words):
        return  # --install-completion would write into the home folder, and its abbreviations
    before = set(Path.cwd().parent.parent.iterdir())
    off_the_network = ["--data-dir", os.devnull] if words[:1] in (["train"], ["evaluate"]) else []
    result = invoke(*words, *off_the_network)
    assert result.exit_code in (0, 1, 2, 3)
    assert "Traceback" not in result.output
    assert set(Path.cwd().parent.parent.iterdir()) == before
