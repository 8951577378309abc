import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mnistcnn.checkpoints.checkpoint import load_checkpoint
from mnistcnn.config import Precision
from mnistcnn.system.signals import SIGNALS
from mnistcnn.training.resume import load_unfinished
from tests.conftest import USUAL_SIGNALS, invoke, posix

pytestmark = posix  # elsewhere a signal that is sent ends a process without asking it

ROOT = Path(__file__).resolve().parents[1]


def crash(tiny: Path, folder: Path, precision: Precision, kills: int, seed: int) -> str:
    command = [sys.executable, "-m", "tests.crash", str(tiny), "--folder", str(folder)]
    command += ["--kills", str(kills), "--seed", str(seed), "--precision", str(precision)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_random_instants_change_nothing(tiny: Path, tmp_path: Path, precision: Precision) -> None:
    said = crash(tiny, tmp_path / "crash", precision, kills=20, seed=2)
    assert said.endswith(" 0 differ from the run that was not killed\n")


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tiny: Path, precision: Precision) -> Iterator[Start]:
    """Starts a training that would take minutes, and returns once it has begun; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "mnistcnn", "train", "--dataset", "synthetic", "--data-dir", str(tiny)]
        command += ["--validation-size", "100", "--batch-size", "5", "--epochs", "500"]
        command += ["--precision", str(precision), *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stderr is not None
        seen = ""
        while "epoch 1/500" not in seen:
            line = process.stderr.readline()
            assert line, seen
            seen += line
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", USUAL_SIGNALS)
def test_a_signal_saves_the_state_at_its_step(number: signal.Signals, start: Start) -> None:
    process = start()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == SIGNALS[number]
    assert out == ""
    assert re.search("^Interrupted (in|after) epoch", err, re.MULTILINE)
    assert "Error" not in err
    assert "Hint: Continue with `mnistcnn train --resume`." in err
    assert "Traceback" not in err
    state = load_unfinished(Path("models/mnist_cnn.pth.unfinished")).state
    assert f"in epoch {len(state.history) + 1} at step {state.step}" in err or state.step == 0
    assert sorted(p.name for p in Path("models").iterdir()) == ["mnist_cnn.pth.unfinished"]


@pytest.mark.slow
def test_a_second_signal_leaves_at_once_without_a_torn_file(start: Start) -> None:
    process = start("--save-every", "0")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    load_unfinished(Path("models/mnist_cnn.pth.unfinished"))


@pytest.mark.slow
def test_two_trainings_into_one_file_are_not_interleaved(tiny: Path, start: Start) -> None:
    first = start()
    second = subprocess.run(
        [sys.executable, "-m", "mnistcnn", "train", "--dataset", "synthetic", "--data-dir", str(tiny)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == 1
    assert "Error: Another training run is writing models/mnist_cnn.pth." in second.stderr
    assert first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    assert first.returncode == 130


def test_two_trainings_that_share_the_output_folder_are_told_so(tiny: Path, start: Start) -> None:
    start()
    refused = invoke("train", "--checkpoint", "other.pth", "--dataset", "synthetic", "--data-dir", tiny)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Error: Another training run is writing output/history.json." in refused.stderr
    assert "Hint: Choose another place with --output-dir." in refused.stderr


@pytest.mark.slow
def test_a_full_disk_in_the_middle_keeps_the_last_state(tiny: Path, precision: Precision) -> None:
    """The limit on file sizes lies between the first state's size and that of a state with the best weights."""
    pytest.importorskip("resource")
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (15_000_000, 15_000_000))\n"
        "from mnistcnn.__main__ import main; sys.argv = ['mnistcnn', *sys.argv[1:]]; main()\n"
    )
    command = [sys.executable, "-c", code, "train", "--dataset", "synthetic", "--data-dir", str(tiny)]
    command += ["--validation-size", "100", "--batch-size", "1", "--epochs", "1", "--save-every", "0"]
    command += ["--precision", str(precision)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Error: models/mnist_cnn.pth.unfinished can't be written: File too large." in done.stderr
    assert "The state saved before is in models/mnist_cnn.pth.unfinished." in done.stderr
    assert "Hint: `mnistcnn train --resume` continues." in done.stderr
    assert "Traceback" not in done.stderr
    assert load_unfinished(Path("models/mnist_cnn.pth.unfinished")).state.history == []
    resumed = subprocess.run(
        [sys.executable, "-m", "mnistcnn", "train", "--resume", "--data-dir", str(tiny)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    load_checkpoint("models/mnist_cnn.pth")
