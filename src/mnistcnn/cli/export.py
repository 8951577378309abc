"""`mnistcnn export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import mnistcnn
from mnistcnn.cli import shared_options as o
from mnistcnn.cli.output import show_json, show_pairs
from mnistcnn.config import ExportFormat, InputType

if TYPE_CHECKING:
    from mnistcnn.exporting import Export

FormatOption = Annotated[
    ExportFormat | None, o.output(metavar="NAME", help="onnx or safetensors.", show_default="from the suffix")
]
InputTypeOption = Annotated[
    InputType, o.output(metavar="NAME", help="Type of the ONNX model's input, 0 to 255: uint8 or float32.")
]


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File to write.")],
    checkpoint: o.CheckpointOption = None,
    format: FormatOption = None,
    input_type: InputTypeOption = InputType.UINT8,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Write the network for other programs: ONNX or safetensors. Needs the extra onnx or safetensors."""
    with mnistcnn.progress_bar(quiet=quiet) as observer:
        result = mnistcnn.export(target, checkpoint, format=format, input_type=input_type, observer=observer)
    show_json(result.to_dict()) if json else show_export(result)


def show_export(result: "Export") -> None:
    """Print the report of `export`."""
    pairs = {
        "written": f"{result.path} ({result.format}, {result.size:,} bytes)",
        "checkpoint": result.checkpoint,
        **{name.replace("_", " "): value for name, value in result.metadata.items()},
    }
    if result.largest_difference is not None:
        pairs["takes"] = f"pictures (N, 1, 28, 28) {result.input_type}, 0 paper to 255 ink; opset {result.opset}"
        pairs["gives"] = f"probabilities (N, 10), within {result.largest_difference:.1e} of the original's"
    show_pairs(pairs.items())
