"""`mnistcnn summary`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mnistcnn import options as o
from mnistcnn.config import TrainConfig


def summary(
    checkpoint: o.CheckpointArgument = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Pictures to reckon the memory for.")
    ] = TrainConfig().batch_size,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the first layer's filters there.", rich_help_panel=o.OUTPUT),
    ] = None,
    json: o.JsonOption = False,
    quiet: o.QuietOption = False,
) -> None:
    """Explain the network layer by layer, and what training made of it."""
    from mnistcnn.progress import watching

    with watching(quiet=quiet) as observer:
        from mnistcnn.summary import summarise

        result = summarise(checkpoint, batch_size=batch_size, plot=plot, observer=observer)
    from mnistcnn import console

    console.show_json(result.to_dict()) if json else console.show_summary(result)
