"""The measurements; each runs in its own process, as a user would start it."""

from __future__ import annotations

import http.client
import json
import os
import platform
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLOPS_PER_PICTURE = 2 * (3 * 4_590_416 - 291_600)  # forward and both gradients; conv1 needs no gradient of its input
TOOL = (sys.executable, "-m", "mnistcnn")
PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")

CEILING = """
import statistics, sys, time, torch
kind = {"float32": torch.float32, "bfloat16": torch.bfloat16}[sys.argv[1]]
a, b = torch.randn(1024, 1024).to(kind), torch.randn(1024, 1024).to(kind)
products = [lambda: a @ b]  # PyTorch's choice, which in float32 is MKL on x86; then oneDNN
if torch.backends.mkldnn.is_available():
    inside = a.to_mkldnn()
    products.append(lambda: torch.nn.functional.linear(inside, b))
medians = []
for product in products:
    times = []
    for _ in range(60):
        started = time.perf_counter()
        product()
        times.append(time.perf_counter() - started)
    medians.append(statistics.median(times[10:]))
print(2 * 1024**3 / min(medians))
"""

OURS = """
import statistics, sys, time
from mnistcnn.config import Precision, TrainConfig
from mnistcnn.data.dataset import load_dataset
from mnistcnn.network.device import resolve_device
from mnistcnn.training.trainer import Trainer
size, precision, steps = int(sys.argv[1]), Precision(sys.argv[2]), int(sys.argv[3])
config = TrainConfig(batch_size=size, precision=precision)
data = load_dataset()
trainer = Trainer(config, resolve_device("cpu", precision), data.train, data.validation)
speeds, before, started = [], 0, time.perf_counter()
for event in trainer.run(lambda: trainer.step >= steps):
    now = time.perf_counter()
    speeds.append((event.train.count - before) / (now - started))
    before, started = event.train.count, time.perf_counter()
print(statistics.median(speeds[1:] or speeds))
"""

BARE_TYPER = """
import typer
app = typer.Typer()
@app.command()
def one(x: int = 1) -> None: "One."
@app.command()
def two(x: int = 2) -> None: "Two."
app()
"""


def run(*command: str, **environment: str) -> str:
    """Run a command to its end; return its standard output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def python(*arguments: str, **environment: str) -> str:
    """Run this interpreter; return its standard output."""
    return run(sys.executable, *arguments, **environment)


def ceiling(precision: str) -> float:
    """Measure the FLOP/s of a product of two 1024×1024 matrices, by PyTorch's library or oneDNN, the faster one."""
    return float(python("-c", CEILING, precision))


def our_speed(batch_size: int, precision: str, steps: int, threads: int | None = None) -> float:
    """Measure our training's pictures/s, the median over chunks of about a thousand images."""
    environment = {"OMP_NUM_THREADS": str(threads)} if threads else {}
    return float(python("-c", OURS, str(batch_size), precision, str(steps), **environment))


def plain_speed(data: Path, batch_size: int, steps: int) -> float:
    """Measure the plain script's training pictures/s."""
    arguments = ["--data", str(data), "--epochs", "1", "--batch-size", str(batch_size), "--most-steps", str(steps)]
    return float(json.loads(python("-m", "benchmarks.baseline", *arguments))["pictures_per_second"])


def seconds(*command: str) -> float:
    """Measure the wall-clock time of a command from start to end."""
    started = time.perf_counter()
    run(*command)
    return time.perf_counter() - started


def peak_memory(*command: str) -> int:
    """Measure the peak resident memory of a command, in bytes."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"
    return int(python("-c", code, *command))


def page_answers(picture: bytes, count: int) -> list[float]:
    """Measure the milliseconds in which `mnistcnn draw` answers each of several PNGs from another process."""
    command = [sys.executable, "-m", "mnistcnn", "draw", "--port", "0", "--no-open", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"))
        connection.connect()
        # Browsers do this, too; otherwise the kernel delays the image until the headers are acknowledged, 40 ms.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times = []
        for _ in range(count + 10):
            started = time.perf_counter()
            connection.request("POST", "/read", picture, {"Content-Type": "image/png"})
            connection.getresponse().read()
            times.append(1000 * (time.perf_counter() - started))
        server.terminate()
    return times[10:]


def alternate(rounds: int, contenders: dict[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Measure each contender once a round, in turn, so that a slow minute affects all of them."""
    results: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, measure in contenders.items():
            results[name].append(measure())
    return results


def machine() -> dict[str, Any]:
    """Describe the machine and the software of the measurements."""
    from importlib.metadata import version

    name, flags = platform.processor(), ""
    if Path("/proc/cpuinfo").exists():
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        names = re.findall(r"model name\s*: (.*)", text)
        name, flags = names[0] if names else name, text
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "flags": [flag for flag in FLAGS if re.search(rf"\b{flag}\b", flags)],
        "python": platform.python_version(),
        "torch": version("torch"),
        "platform": platform.platform(),
    }
