"""`mnistcnn export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnistcnn import options as o
from mnistcnn.config import ExportFormat, InputType


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Where the network goes.", show_default=False)],
    checkpoint: o.CheckpointOption = None,
    format: Annotated[
        ExportFormat | None,
        typer.Option(help="What to write.", show_default="that of the suffix", rich_help_panel=o.OUTPUT),
    ] = None,
    input_type: Annotated[
        InputType,
        typer.Option(help="Number format of the pictures, 0 to 255, that ONNX takes.", rich_help_panel=o.OUTPUT),
    ] = InputType.UINT8,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Write the network for other programs: ONNX or safetensors. Needs the extra onnx or safetensors."""
    from mnistcnn.progress import watching

    with watching(quiet=quiet) as observer:
        from mnistcnn import exporting

        result = exporting.export(target, checkpoint, format=format, input_type=input_type, observer=observer)
    from mnistcnn import console

    console.show_json(result.to_dict()) if json else console.show_export(result)
