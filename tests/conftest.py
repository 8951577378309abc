"""The fixtures that tests share: a tiny data set, a network trained on it, an isolated folder."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

# This comes before rich and typer are imported, so that they write the same plain text on every machine.
for _name in (
    "FORCE_COLOR",
    "CLICOLOR_FORCE",
    "GITHUB_ACTIONS",
    "PY_COLORS",
    "MNISTCNN_CHECKPOINT",
    "MNISTCNN_MIRROR",
):
    os.environ.pop(_name, None)
os.environ.update(
    {
        "NO_COLOR": "1",
        "COLUMNS": "80",
        "TERMINAL_WIDTH": "80",
        "_TYPER_FORCE_DISABLE_TERMINAL": "1",
        "TERM": "dumb",
    }
)

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402
from typer.testing import CliRunner, Result  # noqa: E402

from mnistcnn.cli import app  # noqa: E402
from mnistcnn.config import DatasetName, Precision, TrainConfig  # noqa: E402
from mnistcnn.data import synthetic, verified_files  # noqa: E402
from mnistcnn.network.device import Compute, resolve_device  # noqa: E402
from mnistcnn.system.signals import SIGNALS  # noqa: E402
from mnistcnn.system.storage import Files  # noqa: E402
from mnistcnn.training.run import train  # noqa: E402

# For tests of whole processes: SIGINT stands for the other signals, which are among the slow tests.
USUAL_SIGNALS = [pytest.param(n, marks=[] if n is signal.SIGINT else pytest.mark.slow) for n in SIGNALS]

# What tests start inherits which signals are ignored, as some are under nohup or in a shell's background.
for _number in SIGNALS:
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)

# Examples have no time limit unless a test sets one, and write nothing; CI runs the same examples every time.
settings.register_profile("steady", deadline=None, database=None, derandomize="CI" in os.environ)
settings.load_profile("steady")

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs signals, pipes with a name, or a shell")
REAL_MNIST = Path(__file__).resolve().parents[2] / "shared" / "mnist"
TINY_CONFIG = TrainConfig(epochs=2, batch_size=10, validation_size=100, dataset=DatasetName.SYNTHETIC)


def write_tiny(folder: Path, train_count: int = 300, test_count: int = 100) -> Path:
    """Write a synthetic data set into `folder`, small enough to train on in a second."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = synthetic.render_digits(train_count, 1), synthetic.render_digits(test_count, 2)
    contents = verified_files.encode_files(*train, *test)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    verified_files.write_sums(folder, contents)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 300 + 100 synthetic digits."""
    return write_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(
    scope="session",
    params=[Precision.FLOAT32, pytest.param(Precision.BFLOAT16, marks=pytest.mark.slow)],
    ids=str,
)
def precision(request: pytest.FixtureRequest) -> Precision:
    """Tests that train run in both; torch computes bfloat16 on any CPU, on most at an eighth of the speed."""
    return Precision(request.param)


@pytest.fixture(scope="session")
def config(precision: Precision) -> TrainConfig:
    """The settings of a training that takes a second."""
    return replace(TINY_CONFIG, precision=precision)


@pytest.fixture(scope="session")
def compute(precision: Precision) -> Compute:
    """The CPU."""
    return resolve_device("cpu", precision)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny: Path) -> Path:
    """A checkpoint trained on `tiny` in float32; its outputs lie in `output` beside it."""
    folder = tmp_path_factory.mktemp("trained")
    config = replace(TINY_CONFIG, precision=Precision.FLOAT32)
    train(config, Files(folder / "net.pth", folder / "output", data_dir=tiny))
    return folder / "net.pth"


@pytest.fixture(autouse=True)
def _world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty working folder and cache for each test; torch's global generator must come out as it went in."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("MNISTCNN_CACHE_DIR", str(tmp_path / "cache"))
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state()), "the global generator was left changed"


def invoke(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run the command line in this process; a bug's traceback fails the test."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
