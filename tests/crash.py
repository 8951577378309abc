"""The crash test: it kills trainings with SIGKILL at random instants, resumes them, and compares them bit for bit.

    python -m tests.crash DATA_FOLDER --kills 200

Children are forked from this process, which has torch loaded and never used, so that a kill costs a second
and not an import. A third of them are slowed down just before files are flushed or renamed, so that many kills
hit the writes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mnistcnn.config import DatasetName, Precision, TrainConfig
from mnistcnn.system.storage import Files
from mnistcnn.training.history import HISTORY
from mnistcnn.training.run import train

CONFIG = TrainConfig(epochs=3, batch_size=10, validation_size=100, dataset=DatasetName.SYNTHETIC, seed=5)


def fork(work: Callable[[], None]) -> int:
    """Run `work` in a child process; return 0 if it succeeded."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    except BaseException as error:
        print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(code)


def run(config: TrainConfig, files: Files, slow: bool) -> None:
    """Begin or resume the run, in a child process."""
    if slow:
        fsync, replace = os.fsync, Path.replace

        def slow_fsync(handle: int) -> None:
            time.sleep(0.03)
            fsync(handle)

        def slow_replace(self: Path, target: Path) -> Path:
            time.sleep(0.03)
            return replace(self, target)

        os.fsync, Path.replace = slow_fsync, slow_replace  # type: ignore[method-assign, assignment]
    train(config, files, resume=files.unfinished.exists(), save_every=0.0)


def fingerprint(files: Files, result: Path) -> None:
    """Write a digest of all that must not differ: weights, temperature, metrics, history without times, plots."""
    from mnistcnn.checkpoints.checkpoint import load_checkpoint

    loaded = load_checkpoint(files.checkpoint)
    digest = hashlib.sha256()
    for name, array in sorted(loaded.weights.items()):
        digest.update(name.encode() + array.tobytes())
    history = json.loads((files.output_dir / HISTORY).read_text(encoding="utf-8"))["epochs"]
    for record in history:
        del record["seconds"], record["pictures_per_second"]
    digest.update(json.dumps([loaded.temperature, loaded.metrics, history]).encode())
    for plot in sorted(files.output_dir.glob("*.png")):
        digest.update(plot.read_bytes())
    result.write_text(digest.hexdigest(), encoding="ascii")


def finish(config: TrainConfig, files: Files) -> tuple[str, float]:
    """Let a child run to its end; return the fingerprint of its files, and its seconds."""
    started = time.monotonic()
    if os.waitstatus_to_exitcode(os.waitpid(fork(lambda: run(config, files, False)), 0)[1]) != 0:
        raise SystemExit("a run that was not killed failed")
    return read(files), time.monotonic() - started


def read(files: Files) -> str:
    """Compute the fingerprint in a child, so that this process never computes with torch."""
    result = files.output_dir.with_name("fingerprint")
    if os.waitstatus_to_exitcode(os.waitpid(fork(lambda: fingerprint(files, result)), 0)[1]) != 0:
        raise SystemExit("what a finished run wrote can't be read")
    return result.read_text(encoding="ascii")


def crash(data: Path, folder: Path, kills: int, seed: int, config: TrainConfig) -> tuple[int, int]:
    """Kill `kills` children; return the number of finished runs, and of those with a wrong result."""
    rng = random.Random(seed)
    reference = Files(folder / "reference" / "net.pth", folder / "reference" / "out", data_dir=data)
    expected, seconds = finish(config, reference)
    files = Files(folder / "killed" / "net.pth", folder / "killed" / "out", data_dir=data)
    killed = ended = different = 0
    while killed < kills:
        slow = rng.random() < 1 / 3
        child = fork(lambda slow=slow: run(config, files, slow))  # type: ignore[misc]
        try:
            time.sleep(rng.uniform(0, 0.4 * seconds))
        finally:
            os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == -signal.SIGKILL:
            killed += 1
        elif code != 0:
            raise SystemExit(f"after {killed} kills the next run failed")
        if files.checkpoint.exists() and not files.unfinished.exists():
            ended += 1
            different += read(files) != expected
            shutil.rmtree(files.checkpoint.parent)
    ended += 1
    different += finish(config, files)[0] != expected
    left = [path.name for path in files.checkpoint.parent.rglob(".*")]
    if left:
        raise SystemExit(f"left behind: {left}")
    return ended, different


def main() -> None:
    """Print the numbers; exit with 1 at any difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with a small synthetic data set")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", type=Precision, default=Precision.AUTO)
    arguments = parser.parse_args()
    config = dataclasses.replace(CONFIG, precision=arguments.precision)
    ended, different = crash(arguments.data, arguments.folder, arguments.kills, arguments.seed, config)
    print(f"{arguments.kills} kills, {ended} runs ended, {different} differ from the run that was not killed")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
