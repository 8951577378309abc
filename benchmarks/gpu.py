"""Compares a device with the CPU: it checks the results and measures the speed.

    python -m benchmarks.gpu                      on the first CUDA device
    python -m benchmarks.gpu --device cpu --epochs 1     the same checks without a GPU

It prints a table with a line for each check, and exits with code 1 if one failed. It needs MNIST in the cache or in
`--data-dir`. Nothing else should use the device: one check fills its memory.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks import measure as m
from benchmarks.device_checks import Options, first_step, memory_filled, one_answer, profile, refusals, speed

Check = Callable[[Options], tuple[str, bool]]


def accuracy(options: Options) -> tuple[str, bool]:
    """Train with the default recipe: test accuracy, and the seconds of each part."""
    found = [train(options, "--seed", str(seed)) for seed in range(options.seeds)]
    right = [result["test"]["accuracy"] for result, _ in found]
    training = [sum(epoch["seconds"] for epoch in result["epochs"]) for result, _ in found]
    epochs = [epoch["seconds"] for result, _ in found for epoch in result["epochs"]]
    inside = [result["seconds"] for result, _ in found]
    whole = [seconds for _, seconds in found]
    middle = statistics.median
    figure = f"mean {statistics.mean(right):.3%}, least {min(right):.2%}; an epoch {middle(epochs):.2f} s, "
    figure += (
        f"training {middle(training):.2f} s, with data and files {middle(inside):.2f} s, process {middle(whole):.2f} s"
    )
    return figure, statistics.mean(right) >= (0.995 if options.epochs == 5 else 0.985)


def one_epoch(options: Options) -> tuple[str, bool]:
    """Measure the seconds of training until 99 % of the test set are read."""
    result, _ = train(options, "--epochs", "1")
    right, seconds = result["test"]["accuracy"], result["epochs"][0]["seconds"]
    return f"{right:.2%} after {seconds:.2f} s of training", right >= 0.985


def float32(options: Options) -> tuple[str, bool]:
    """Train for an epoch with float32's matrix products."""
    result, whole = train(options, "--precision", "float32")
    seconds = sum(epoch["seconds"] for epoch in result["epochs"])
    return f"{result['test']['accuracy']:.2%}, training {seconds:.2f} s, process {whole:.2f} s", True


def plain_script(options: Options) -> tuple[str, bool]:
    """Run the plain script on the same device."""
    command = ["-m", "benchmarks.baseline", "--data", str(options.torchvision_data), "--epochs", str(options.epochs)]
    started = time.perf_counter()
    lines = [json.loads(line) for line in m.python(*command, "--device", options.device).splitlines()]
    whole, seconds = time.perf_counter() - started, sum(line["seconds"] for line in lines)
    return f"{lines[-1]['accuracy']:.2%}, training {seconds:.2f} s, process {whole:.2f} s", True


def moved(options: Options) -> tuple[str, bool]:
    """Begin a run on the CPU, kill it, resume it on the device, interrupt it, and finish it on the CPU."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*m.TOOL, "train", "--dataset", "synthetic", "--epochs", "3", "--save-every", "0.5", "--json"]
        for device, signal, options_ in (("cpu", 9, []), (options.device, 2, ["--resume"])):
            process = subprocess.Popen([*words, *options_, "--device", device], cwd=folder, **m.PIPES)
            wait_for(process, Path(folder) / "models" / "mnist_cnn.pth.unfinished")
            process.send_signal(signal)
            _, errors = process.communicate(timeout=60)
            if process.returncode not in (-9, 130) or "Traceback" in errors:
                return f"on {device}: exit code {process.returncode}, {errors[-200:]}", False
        done = subprocess.run([*words, "--resume", "--device", "cpu"], cwd=folder, check=False, **m.PIPES)
        if done.returncode:
            return done.stderr[-200:], False
        right = json.loads(done.stdout)["test"]["accuracy"]
        return f"CPU, {options.device}, CPU: {right:.2%} of the synthetic digits", right > 0.95


def wait_for(process: subprocess.Popen[str], path: Path) -> None:
    """Wait until a file has been rewritten, or the process has ended."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    while process.poll() is None and not (path.exists() and path.stat().st_mtime_ns > before):
        time.sleep(0.05)


def processes(options: Options) -> tuple[str, bool]:
    """Train under torchrun with one process, and with two if there are two cards."""
    counts = [1, 2] if options.device != "cpu" and torch.cuda.device_count() > 1 else [1]
    figures = []
    for count in counts:
        torchrun = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count))
        result, whole = train(options, "--epochs", "1", start=(*torchrun, "-m", "mnistcnn"))
        figures.append(f"{count}: {result['test']['accuracy']:.2%} in {whole:.1f} s")
        if result["test"]["accuracy"] < 0.98:
            return figures[-1], False
    return ", ".join(figures), True


def train(options: Options, *words: str, start: tuple[str, ...] = m.TOOL) -> tuple[dict[str, Any], float]:
    """Run a whole training; return its result, and the seconds of the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*start, "train", "--json", "--quiet", "-c", f"{folder}/net.pth", "-o", folder]
        command += ["--device", options.device, *options.data_words, "--epochs", str(options.epochs), *words]
        started = time.perf_counter()
        printed = m.run(*command)
        return json.loads(printed), time.perf_counter() - started


CHECKS: dict[str, Check] = {
    "first step: loss and gradients as the CPU's": first_step,
    "one checkpoint, one answer": one_answer,
    "default recipe": accuracy,
    "one epoch": one_epoch,
    "float32": float32,
    "plain script": plain_script,
    "begun, killed, moved, resumed": moved,
    "errors in one line": refusals,
    "a device whose memory is filled": memory_filled,
    "torchrun": processes,
    "pictures/s, batch 50 and 200; peak memory": speed,
    "kernels a step, and the gaps between them": profile,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data-dir", type=Path, help="folder of MNIST's files")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only the checks with one of these in their name")
    given = parser.parse_args()
    name = torch.cuda.get_device_name(given.device) if given.device.startswith("cuda") else "the CPU"
    print(f"{given.device}: {name}; " + ", ".join(f"{key} {value}" for key, value in m.machine().items()), flush=True)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        options = Options(given.device, given.epochs, given.seeds, given.data_dir, Path(folder))
        for what, check in CHECKS.items():
            if given.only and not any(word in what for word in given.only):
                continue
            try:
                figure, right = check(options)
            except (SystemExit, RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                figure, right = f"{type(error).__name__}: {error}"[:400], False
            failed += not right
            print(f"{'ok' if right else 'FAILED':<7} {what:<44} {figure}", flush=True)
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
