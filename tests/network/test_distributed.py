"""Real process groups, started by torchrun on 127.0.0.1."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from mnistcnn.checkpoints.checkpoint import load_checkpoint
from mnistcnn.config import Precision
from mnistcnn.errors import UsageError
from mnistcnn.network.distributed import local_device
from mnistcnn.network.world import World
from mnistcnn.training.resume import load_unfinished


def command(processes: int, tiny: Path, precision: Precision, *more: object) -> list[str]:
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", processes]
    words += ["-m", "mnistcnn", "train", "--dataset", "synthetic", "--data-dir", tiny, "--validation-size", 103]
    words += ["--precision", precision]
    return [str(word) for word in [*words, *more]]


def torchrun(
    processes: int, tiny: Path, precision: Precision, *more: object, folder: str = "."
) -> subprocess.CompletedProcess[str]:
    Path(folder).mkdir(exist_ok=True)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command(processes, tiny, precision, *more),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def single(tiny: Path, precision: Precision, *more: object, folder: str) -> None:
    Path(folder).mkdir()
    words = [sys.executable, "-m", "mnistcnn", "train", "--dataset", "synthetic", "--data-dir", tiny]
    words += ["--validation-size", 103, "--precision", precision, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([str(w) for w in words], cwd=folder, env=environment, capture_output=True, check=True)


def differences(a: str, b: str) -> torch.Tensor:
    """Compute the absolute difference of each weight."""
    first, second = (load_checkpoint(Path(folder) / "models" / "mnist_cnn.pth").weights for folder in (a, b))
    return torch.cat([torch.from_numpy(abs(first[name] - second[name])).flatten() for name in first])


@pytest.mark.slow
@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_train_as_one_does(processes: int, tiny: Path, precision: Precision) -> None:
    """197 pictures in batches of 25: with three processes, parts of 8 and 9, and a last batch of 22."""
    more = ["--epochs", 1, "--batch-size", 25, "--lr", 0.004, "--json"]
    single(tiny, precision, *more, folder="one")
    done = torchrun(processes, tiny, precision, *more, folder="many")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)  # one document, by the first process
    assert [result[split]["count"] for split in ("train", "validation", "test")] == [197, 103, 100]
    assert done.stderr.count("epoch 1/1") == 1
    # Sums in another order round otherwise, by 2⁻²⁴ in float32 and 2⁻⁹ in bfloat16. Where a gradient is next to
    # nothing AdamW makes a whole step of the difference; the eight learning rates of this run sum to 0.012, and a step
    # may be a little longer than its rate.
    apart = differences("one", "many")
    exact = precision is Precision.FLOAT32
    assert apart.mean() < (1e-6 if exact else 3e-4)
    assert apart.max() < 2.2 * 0.012
    assert sorted(p.name for p in Path("many/models").iterdir()) == ["mnist_cnn.pth"]
    alone = load_checkpoint("one/models/mnist_cnn.pth").metrics["validation"]["accuracy"]
    assert abs(result["validation"]["accuracy"] - alone) <= (0.01 if exact else 0.05)


def workers(launcher: int) -> list[int]:
    """The process ids of the launcher's children, by rank."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text(encoding="ascii").split()
    ranks = {}
    for child in map(int, children):
        environment = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        rank = [e.removeprefix(b"RANK=") for e in environment if e.startswith(b"RANK=")]
        if rank:
            ranks[int(rank[0])] = child
    return [ranks[rank] for rank in sorted(ranks)]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_process_ends_all_and_the_run_can_be_resumed_by_one(tiny: Path, precision: Precision) -> None:
    more = ["--epochs", 8, "--batch-size", 5, "--save-every", 0]
    with subprocess.Popen(
        command(2, tiny, precision, *more),
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    ) as launcher:
        assert launcher.stderr is not None
        said = ""
        while "epoch 1/8" not in said:
            line = launcher.stderr.readline()
            assert line, said
            said += line
        os.kill(workers(launcher.pid)[1], signal.SIGKILL)
        started = time.monotonic()
        said += launcher.stderr.read()
        assert launcher.wait(60) != 0
    assert time.monotonic() - started < 60
    ours = [line for line in said.splitlines() if re.match(r"(Error|Hint):", line)]
    assert len(ours) <= 2, said
    saved = load_unfinished(Path("models/mnist_cnn.pth.unfinished"))
    assert saved.state.history
    resumed = subprocess.run(
        [sys.executable, "-m", "mnistcnn", "train", "--resume", "--data-dir", str(tiny), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert resumed.returncode == 0, resumed.stderr
    assert len(json.loads(resumed.stdout)["epochs"]) == 8


@pytest.mark.slow
def test_a_batch_smaller_than_the_world_is_refused_before_anything_starts(tiny: Path) -> None:
    done = torchrun(2, tiny, Precision.AUTO, "--batch-size", 1)
    assert done.returncode != 0
    assert done.stderr.count("Error: --batch-size 1 is smaller than the number of processes, 2.") == 1
    assert not Path("models").exists()


def test_each_process_takes_the_device_of_its_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    assert local_device("cuda", World()) == "cuda"
    assert local_device("cpu", World(1, 2, 1, 2)) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert local_device("cuda", World(3, 4, 1, 2)) == "cuda:1"
    assert local_device("auto", World(2, 4, 0, 2)) == "cuda:0"
    with pytest.raises(UsageError, match="3 processes are more than the 2 CUDA devices"):
        local_device("cuda", World(0, 3, 0, 3))
    with pytest.raises(UsageError, match="one device for 2 processes"):
        local_device("cuda:1", World(0, 2, 0, 2))


@pytest.mark.slow
def test_two_machines_meet_over_a_rendezvous(tiny: Path, precision: Precision) -> None:
    """Two launchers as on two machines, one process each, that find each other over c10d on the loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    words += ["--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--rdzv-id", "test", "--local-addr", "127.0.0.1"]
    words += ["-m", "mnistcnn", "train", "--dataset", "synthetic", "--data-dir", str(tiny), "--validation-size", "103"]
    words += ["--epochs", "1", "--json", "--precision", str(precision)]
    launchers = [
        subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [launcher.communicate(timeout=120) for launcher in launchers]
    assert [launcher.returncode for launcher in launchers] == [0, 0], said
    documents = [out for out, _ in said if out.strip()]
    assert len(documents) == 1
    assert json.loads(documents[0])["train"]["count"] == 197


@pytest.mark.slow
def test_a_process_may_have_no_pictures_of_the_last_batch(tiny: Path, precision: Precision) -> None:
    """197 pictures in batches of 28: the last batch has one, which one of the two processes trains on."""
    more = ["--epochs", 1, "--batch-size", 28, "--json"]
    done = torchrun(2, tiny, precision, *more)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["train"]["count"] == 197
