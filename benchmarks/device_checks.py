"""The checks of `benchmarks.gpu` that run in its process or test how a command fails."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import onnxruntime
import torch
from PIL import Image

from benchmarks import measure as m
from benchmarks.table import spread
from benchmarks.trainings import torchvision_folder
from mnistcnn.checkpoints.calibration import probabilities
from mnistcnn.checkpoints.checkpoint import PACKAGED, load_checkpoint
from mnistcnn.config import Precision, TrainConfig
from mnistcnn.data.dataset import DataSplits, load_dataset
from mnistcnn.exporting import export
from mnistcnn.network.device import resolve_device, strict_float32
from mnistcnn.network.inference import predict_logits
from mnistcnn.network.model import build_model
from mnistcnn.reading.prediction import predict
from mnistcnn.reading.results import PredictedDigit
from mnistcnn.training.loader import EpochLoader
from mnistcnn.training.sampler import HardExampleSampler
from mnistcnn.training.trainer import Trainer
from mnistcnn.web.reader import Reader

ONLY_GPU = "only on a GPU", True
PICTURES = 1_000  # so many images of the test set are read in every way
FILL = """
import sys, torch
held = []
for size in (2**30, 2**26, 2**21):
    try:
        while True:
            held.append(torch.empty(size, dtype=torch.uint8, device=sys.argv[1]))
    except torch.OutOfMemoryError:
        pass
print("full", flush=True)
sys.stdin.readline()
"""


@dataclass(frozen=True)
class Options:
    """The device to check, the data, and a folder for temporary files."""

    device: str
    epochs: int
    seeds: int
    data_dir: Path | None
    folder: Path

    @property
    def cuda(self) -> bool:
        """Whether the device is a CUDA device."""
        return self.device.startswith("cuda")

    @cached_property
    def data(self) -> DataSplits:
        """Load MNIST."""
        return load_dataset(data_dir=self.data_dir)

    @property
    def data_words(self) -> list[str]:
        """The options of a command that name the data folder."""
        return ["--data-dir", str(self.data_dir)] if self.data_dir else []

    @cached_property
    def torchvision_data(self) -> Path:
        """The data folder as torchvision lays it out."""
        return torchvision_folder(self.folder, self.data_dir)


def first_step(options: Options) -> tuple[str, bool]:
    """Compare the losses and gradients of the first batch, in float32 without TF32, with those of the CPU."""
    config, train = TrainConfig(precision=Precision.FLOAT32), options.data.train
    batch = EpochLoader(train, config, 1, HardExampleSampler(len(train), config)).chunk(0)[0]
    found = []
    for device in ("cpu", options.device):
        trainer = Trainer(config, resolve_device(device), train, options.data.validation)
        trainer.model.train()
        inputs, labels, dropout = (part.to(device) for part in (batch.inputs, batch.labels, batch.dropout))
        with strict_float32():
            loss = torch.nn.functional.cross_entropy(trainer.model(inputs, dropout), labels)
            loss.backward()
        gradients = torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])
        found.append((loss.detach().cpu().view(1), gradients.cpu()))
    apart = [float((own - cpu).norm() / cpu.norm()) for cpu, own in zip(*found, strict=True)]
    return f"loss {apart[0]:.1e}, gradients {apart[1]:.1e} apart", max(apart) < 1e-4


def one_answer(options: Options) -> tuple[str, bool]:
    """Compare the answers of one checkpoint: logits on both devices, `predict`, the drawing page and ONNX."""
    checkpoint, images = load_checkpoint(PACKAGED), options.data.test.images[:PICTURES]
    answers = {}
    for device in ("cpu", options.device):
        compute = resolve_device(device)
        logits = predict_logits(build_model(checkpoint.weights, compute), images, compute)
        answers[f"logits on {device}"] = torch.from_numpy(probabilities(logits.numpy(), checkpoint.temperature))
    expected = answers["logits on cpu"]
    (options.folder / "pictures").mkdir()
    paths = [options.folder / "pictures" / f"{i:04}.png" for i in range(PICTURES)]
    for path, image in zip(paths, images, strict=True):
        Image.fromarray(image[0].numpy()).save(path)
    predicted = predict(paths, device=options.device, top_k=10, accept_doubted=True)
    answers["predict"] = torch.tensor([_by_digit(prediction.digits[0]) for prediction in predicted])
    reader = Reader(PACKAGED, device=options.device)
    answers["page"] = torch.tensor([_by_digit(reader.read(path.read_bytes()).digits[0]) for path in paths])
    session = onnxruntime.InferenceSession(export(options.folder / "net.onnx", PACKAGED).path)
    answers["ONNX"] = torch.from_numpy(session.run(None, {"pictures": images.numpy()})[0])
    apart = {name: float((answer.double() - expected).abs().max()) for name, answer in answers.items()}
    same = all(torch.equal(answer.argmax(1), expected.argmax(1)) for answer in answers.values())
    figure = ", ".join(f"{name} {value:.1e}" for name, value in apart.items() if value)
    return f"{'the same digits' if same else 'other digits'}; apart: {figure}", same and max(apart.values()) < 1e-5


def _by_digit(digit: PredictedDigit) -> list[float]:
    """The probabilities of the ten digits, in their order."""
    return [candidate.confidence for candidate in sorted(digit.top, key=lambda candidate: candidate.digit)]


def refusals(options: Options) -> tuple[str, bool]:
    """Check the errors for a card that isn't there and for hidden cards."""
    command = (*m.TOOL, "train", "--dataset", "synthetic", "--epochs", "1")
    for words, hidden in ((("--device", "cuda:7"), {}), (("--device", "cuda"), {"CUDA_VISIBLE_DEVICES": ""})):
        if wrong := complaint([*command, *words], hidden):
            return wrong, False
    return "cuda:7; CUDA_VISIBLE_DEVICES=", True


def memory_filled(options: Options) -> tuple[str, bool]:
    """Check the error of training on a card whose memory another process has taken."""
    if not options.cuda:
        return ONLY_GPU
    with subprocess.Popen([sys.executable, "-c", FILL, options.device], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdin is not None and other.stdout is not None
        other.stdout.readline()
        command = (*m.TOOL, "train", "--dataset", "synthetic", "--epochs", "1", "--device", options.device)
        wrong = complaint(command, {})
        other.stdin.close()
    return wrong or "one line", not wrong


def complaint(command: tuple[str, ...] | list[str], variables: dict[str, str]) -> str:
    """Describe how a failure is wrong; it is right with one `Error:` line, an optional hint, and code 1."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, cwd=folder, env={**os.environ, **variables}, check=False, **m.PIPES)
    errors = done.stderr.count("Error: ")
    if done.returncode == 1 and errors == 1 and not done.stdout and "Traceback" not in done.stderr:
        return ""
    return f"code {done.returncode}, {errors} errors: {done.stderr[-300:]}"


def speed(options: Options) -> tuple[str, bool]:
    """Measure the training speed in this process, without its start, and the memory that it takes."""
    figures = []
    for size in (50, 200):
        speeds = [round(figure) for figure in _speeds(options, size, 8)]
        figures.append(f"{size}: {spread(speeds)}")
    if options.cuda:
        figures.append(f"{torch.cuda.max_memory_allocated(options.device) / 2**20:.0f} MiB")
    return ", ".join(figures), True


def _speeds(options: Options, size: int, chunks: int) -> list[float]:
    """Measure the pictures/s of each chunk except the first."""
    config = TrainConfig(batch_size=size)
    compute = resolve_device(options.device, config.precision)
    trainer = Trainer(config, compute, options.data.train, options.data.validation)
    speeds, before, started = [], 0, time.perf_counter()
    for event in trainer.run(lambda: trainer.step >= chunks * 1_000 // size):
        speeds.append((event.train.count - before) / (time.perf_counter() - started))
        before, started = event.train.count, time.perf_counter()
    return speeds[1:]


def profile(options: Options) -> tuple[str, bool]:
    """Profile a training step of 50: its kernels, their time, and the share of time in which none runs."""
    if not options.cuda:
        return ONLY_GPU
    _speeds(options, 50, 2)
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        _speeds(options, 50, 3)
    spans = sorted((e.time_range.start, e.time_range.end) for e in profiler.events() if e.device_type.name == "CUDA")
    busy, end = 0.0, spans[0][0]
    for start, stop in spans:  # microseconds; kernels may overlap
        busy, end = busy + max(0.0, stop - max(start, end)), max(end, stop)
    steps, whole = 60, end - spans[0][0]
    kernels, gaps = len(spans) / steps, (whole - busy) / steps
    return f"{kernels:.0f} kernels, {busy / steps:.0f} µs of them and {gaps:.0f} µs of gaps", True
