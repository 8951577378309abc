"""Whatever comes in: a documented exit code, one line, no traceback, no file outside the named folders."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mnistcnn.checkpoint import load_checkpoint
from mnistcnn.errors import CheckpointError
from tests.conftest import invoke

FUZZ = settings(max_examples=60, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of ours with bytes changed, cut off, doubled or put in."""
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


def test_damaged_checkpoints(trained: Path, tmp_path: Path) -> None:
    content = trained.read_bytes()
    head, tail = content[:3000], content[-3000:]  # the pickle, and the zip's directory
    path = tmp_path / "net.pth"

    @FUZZ
    @given(mutated(head) | st.just(head), mutated(tail) | st.just(tail))
    def check(new_head: bytes, new_tail: bytes) -> None:
        path.write_bytes(new_head + content[3000:-3000] + new_tail)
        try:
            loaded = load_checkpoint(path)
        except CheckpointError as error:
            assert str(path) in error.message
            assert "\n" not in error.message
        else:
            assert loaded.weights["fc2.bias"].shape == (10,)

    check()


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
    off_the_network = ["--data-dir", "/dev/null"] if words[:1] in (["train"], ["evaluate"]) else []
    result = invoke(*words, *off_the_network)
    assert result.exit_code in (0, 1, 2, 3)
    assert "Traceback" not in result.output
    assert set(Path.cwd().parent.parent.iterdir()) == before
