"""`mnistcnn predict`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mnistcnn import options as o


def predict(
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...", help="Pictures, or folders of them; - is standard input.", show_default=False
        ),
    ],
    checkpoint: o.CheckpointOption = None,
    device: o.DeviceOption = "auto",
    top_k: Annotated[int, typer.Option(min=1, max=10, help="How many digits to name.", rich_help_panel=o.READING)] = 2,
    invert: Annotated[
        bool | None,
        typer.Option(
            "--invert/--no-invert",
            help="The digit is darker / lighter than its paper.",
            show_default="found out",
            rich_help_panel=o.READING,
        ),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="P", help="Less sure than this is unsure.", rich_help_panel=o.READING),
    ] = 0.0,
    show: Annotated[
        bool,
        typer.Option("--show", help="Draw what the network saw, beside the original.", rich_help_panel=o.OUTPUT),
    ] = False,
    save_input: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write what the network saw there.", rich_help_panel=o.OUTPUT),
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Read the digits on pictures: photographs, scans, drawings."""
    from mnistcnn import console, prediction
    from mnistcnn.checkpoint import find_checkpoint, load_checkpoint
    from mnistcnn.events import Transfer
    from mnistcnn.progress import watching

    with watching(quiet=quiet) as observer:
        loaded = load_checkpoint(find_checkpoint(checkpoint, observer))
    paths = prediction.find_pictures(images)
    each = prediction.predict_each(
        paths,
        loaded,
        device=device,
        top_k=top_k,
        invert=invert,
        min_confidence=min_confidence,
        save_input=save_input,
    )
    width = min(40, max(len(console.printable(path)) for path in paths))
    records, failed = [], 0
    with watching(quiet=quiet or len(paths) < 100 or sys.stdout.isatty()) as observer:
        for number, (made, reading) in enumerate(each, start=1):
            observer(Transfer("pictures", number, len(paths)))
            failed += made.error is not None
            if json:
                records.append(made.to_dict())
            else:
                console.show_prediction(made, width)
                if show and reading is not None:
                    console.show_frames(reading.frame, reading.original)
    if json:
        console.show_json({"checkpoint": str(loaded.path), "trained_on": loaded.trained_on, "predictions": records})
    if failed:
        raise typer.Exit(1)
