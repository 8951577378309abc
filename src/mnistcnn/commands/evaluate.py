"""`mnistcnn evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnistcnn import options as o
from mnistcnn.config import DATA, MACHINE, DatasetName, Split
from mnistcnn.errors import GateError


def evaluate(
    checkpoint: o.CheckpointArgument = None,
    split: Annotated[
        Split,
        typer.Option(help="Which pictures; validation are those that training held out.", rich_help_panel=DATA),
    ] = Split.TEST,
    dataset: Annotated[
        DatasetName | None,
        typer.Option(help="Which data set.", show_default="the one it was trained on", rich_help_panel=DATA),
    ] = None,
    data_dir: o.DataDirOption = None,
    mirror: o.MirrorOption = None,
    device: o.DeviceOption = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at a time.", rich_help_panel=MACHINE)] = 1000,
    min_accuracy: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="X", help="End with exit code 3 below this accuracy (0 to 1)."),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", "-o", help="Draw two pictures there.", rich_help_panel=o.OUTPUT),
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Measure a trained network: accuracy, confusion, scores per digit, calibration."""
    from mnistcnn.progress import watching

    with watching(quiet=quiet) as observer:
        from mnistcnn import evaluation

        result = evaluation.evaluate(
            checkpoint,
            split=split,
            dataset=dataset,
            device=device,
            batch_size=batch_size,
            data_dir=data_dir,
            mirror=mirror,
            output_dir=output_dir,
            observer=observer,
        )
    from mnistcnn import console

    console.show_json(result.to_dict()) if json else console.show_evaluation(result)
    if min_accuracy is not None and result.accuracy < min_accuracy:
        raise GateError(f"Accuracy {result.accuracy:.4f} is below --min-accuracy {min_accuracy:g}.")
