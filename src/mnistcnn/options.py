"""The options that several commands share, and the parts of the command line that need no torch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from mnistcnn.config import DEFAULT_CHECKPOINT, DEVICE_SPELLING, check_mirror

DATA, RECIPE, AUGMENTATION, MACHINE, OUTPUT = "Data", "Recipe", "Augmentation", "Machine", "Output"
READING, PAGE = "Reading", "Page"


def _check_device(value: str) -> str:
    """Refuse what can't be the name of a device, before torch is loaded."""
    if not re.fullmatch(DEVICE_SPELLING, value):
        raise typer.BadParameter(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps, xpu, xpu:N.")
    return value


DeviceOption = Annotated[
    str,
    typer.Option(
        metavar="DEVICE",
        callback=_check_device,
        help="auto, cpu, cuda, cuda:N, mps, xpu or xpu:N; auto takes the best there is.",
        rich_help_panel=MACHINE,
    ),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder with the four MNIST files, raw or .gz; fetched into it if it is empty or missing.",
        rich_help_panel=DATA,
        show_default="the user's cache",
    ),
]
MirrorOption = Annotated[
    str | None,
    typer.Option(
        envvar="MNISTCNN_MIRROR",
        metavar="URL",
        callback=check_mirror,
        help="Address of a mirror to try first, http:// or https://.",
        rich_help_panel=DATA,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of a table.", rich_help_panel=OUTPUT)
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.", rich_help_panel=OUTPUT)
]
_FOUND = f"{DEFAULT_CHECKPOINT}, else the one in the package"
CheckpointOption = Annotated[
    Path | None,
    typer.Option("--checkpoint", "-c", envvar="MNISTCNN_CHECKPOINT", help="The trained network.", show_default=_FOUND),
]
CheckpointArgument = Annotated[
    Path | None,
    typer.Argument(
        envvar="MNISTCNN_CHECKPOINT",
        help="A checkpoint of `mnistcnn train`, or a bare state_dict of this network.",
        show_default=_FOUND,
    ),
]
