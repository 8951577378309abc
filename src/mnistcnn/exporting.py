"""Exports the trained network for other programs: as ONNX with its preprocessing, or as bare safetensors."""

import json
import warnings
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from mnistcnn.checkpoints.checkpoint import Checkpoint, find_checkpoint, load_checkpoint
from mnistcnn.config import ExportFormat, InputType
from mnistcnn.data.synthetic import render_digits
from mnistcnn.errors import OutputError, UsageError, require
from mnistcnn.events import Observer, ignore
from mnistcnn.network.device import strict_float32
from mnistcnn.network.model import CLASSES, SIDE, MnistCNN, build_model, normalise
from mnistcnn.results import Result
from mnistcnn.system.storage import check_writable, write_atomically

OPSET = 18  # ONNX's of 2022: the oldest that torch's exporter writes
INPUT, OUTPUT = "pictures", "probabilities"
TOLERANCE = 1e-5  # the largest allowed difference between probabilities of the exported and the original network
_CHECKED = 100  # the two are compared on this many images
_REQUIRED = {
    "onnx": ("Writing ONNX", "onnx", "onnx", "onnxscript", "onnxruntime"),
    "safetensors": ("Writing safetensors", "safetensors", "safetensors"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(Result):
    """A file for other programs; None where something doesn't apply to its format."""

    path: str
    format: str
    checkpoint: str
    size: int  # bytes
    input_type: str | None
    opset: int | None
    largest_difference: float | None  # of a probability, from the original network
    metadata: dict[str, str]


class ExportModule(nn.Module):
    """The network with normalisation and softmax: images (N, 1, 28, 28) → probabilities (N, 10) float32."""

    def __init__(self, network: MnistCNN, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Compute softmax(logits / temperature) of images, uint8 or float, 0 paper … 255 ink."""
        return F.softmax(self.network(normalise(images)) / self.temperature, dim=1)


def export(
    target: Path | str,
    checkpoint: Path | str | None = None,
    *,
    format: ExportFormat | None = None,
    input_type: InputType = InputType.UINT8,
    observer: Observer = ignore,
) -> Export:
    """Write a trained network to `target`, for programs without this package.

    ONNX takes `pictures`, (N, 1, 28, 28) of `input_type` in 0 … 255, and gives `probabilities`, (N, 10)
    float32; it is compared with the original before it is written. Safetensors holds the bare weights.
    If `format` is None, the suffix of `target` decides. If `checkpoint` is None,
    `checkpoints.checkpoint.find_checkpoint` chooses one.
    Raises `UsageError`, `MissingPackageError`, `CheckpointError` and `OutputError`.
    """
    target = Path(target)
    chosen = format or target.suffix.lower().removeprefix(".")
    if chosen not in list(ExportFormat):
        hint = "Choose one with --format onnx or --format safetensors."
        raise UsageError(f"{target} ends neither in .onnx nor in .safetensors.", hint)
    check_writable(target)
    require(*_REQUIRED[chosen])
    loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    about = describe(loaded)
    is_onnx = chosen == ExportFormat.ONNX
    difference = None
    if is_onnx:
        content, difference = _onnx(loaded, about, input_type)
    else:
        from safetensors.numpy import save

        content = save(loaded.weights, about)
    write_atomically(target, content)
    return Export(
        path=str(target),
        format=str(chosen),
        checkpoint=str(loaded.path),
        size=len(content),
        input_type=str(input_type) if is_onnx else None,
        opset=OPSET if is_onnx else None,
        largest_difference=difference,
        metadata=about,
    )


def describe(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the metadata of an exported file; both formats take strings only."""
    test = checkpoint.metrics.get("test")
    known = {
        "producer": f"mnistcnn {metadata.version('mnistcnn')}",
        "classes": json.dumps(list(range(CLASSES))),
        "temperature": repr(checkpoint.temperature),
        "trained_on": checkpoint.trained_on,
        "created": checkpoint.created,
        "test_accuracy": repr(test["accuracy"]) if isinstance(test, dict) and "accuracy" in test else None,
    }
    return {key: value for key, value in known.items() if value}


def _onnx(checkpoint: Checkpoint, about: dict[str, str], input_type: InputType) -> tuple[bytes, float]:
    """Return the ONNX file, and the largest difference between its probabilities and the original's."""
    import onnx

    network = ExportModule(build_model(checkpoint.weights), checkpoint.temperature).eval()
    dtype = getattr(torch, str(input_type))
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # torch 2.11 warns of its own code
        program = torch.onnx.export(
            network,
            (torch.zeros(2, 1, SIDE, SIDE, dtype=dtype),),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    graph = model.graph
    for item in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        item.ClearField("metadata_props")  # each node's place in the source names folders of this machine
        item.ClearField("doc_string")
    onnx.helper.set_model_props(model, about)
    model.doc_string = f"Digits: {INPUT} (N, 1, 28, 28) in 0 … 255, 0 paper, 255 ink → {OUTPUT} (N, 10)."
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString()
    return content, _compare(content, network, dtype)


def _compare(content: bytes, network: ExportModule, dtype: torch.dtype) -> float:
    """Return the largest difference of a probability on synthetic digits. Raises `OutputError` above `TOLERANCE`."""
    import onnxruntime

    images, _ = render_digits(_CHECKED, seed=0)
    inputs = torch.from_numpy(images).view(-1, 1, SIDE, SIDE).to(dtype)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run([OUTPUT], {INPUT: inputs.numpy()})
    with torch.inference_mode(), strict_float32():
        difference = float((torch.from_numpy(found) - network(inputs)).abs().max())
    if not difference <= TOLERANCE:
        raise OutputError(f"The exported network differs from the original by {difference:g}; nothing was written.")
    return difference
