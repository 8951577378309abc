"""The options that several commands share, and the panels of the help. Imports no torch."""

import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnistcnn.config import DATA, DEFAULT_CHECKPOINT, DEVICE_SPELLING, MACHINE, TrainConfig, check_mirror

# Options of one panel: `reading(help="…")`.
data, machine, output, reading, page = (
    partial(typer.Option, rich_help_panel=panel) for panel in (DATA, MACHINE, "Output", "Reading", "Page")
)


def _check_device(value: str) -> str:
    """Refuse what can't be the name of a device, before torch is loaded."""
    if not re.fullmatch(DEVICE_SPELLING, value):
        raise typer.BadParameter(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps, xpu, xpu:N.")
    return value


DeviceOption = Annotated[
    str,
    machine(
        metavar="DEVICE",
        callback=_check_device,
        autocompletion=lambda: ["auto", "cpu", "cuda", "mps", "xpu"],
        help=TrainConfig.settings()["device"][1].help,
    ),
]
DataDirOption = Annotated[
    Path | None,
    data(
        help="Folder with the four MNIST files, raw or .gz; if it is missing or empty, they are downloaded into it.",
        show_default="the user's cache",
    ),
]
_MIRROR = "Mirror to try first, an http:// or https:// address."
MirrorOption = Annotated[str | None, data(envvar="MNISTCNN_MIRROR", metavar="URL", callback=check_mirror, help=_MIRROR)]
SingleOption = Annotated[bool, reading("--single", help="There is exactly one digit on each picture.")]
JsonOption = Annotated[bool, output("--json", help="Print one JSON document instead of a table.")]
QuietOption = Annotated[bool, output("--quiet", "-q", help="Print only results and errors.")]
_FOUND = {"envvar": "MNISTCNN_CHECKPOINT", "show_default": f"{DEFAULT_CHECKPOINT}, or the one in the package"}
CheckpointOption = Annotated[Path | None, typer.Option("--checkpoint", "-c", help="The trained network.", **_FOUND)]
CheckpointArgument = Annotated[
    Path | None,
    typer.Argument(help="A checkpoint of `mnistcnn train`, or a bare state_dict of this network.", **_FOUND),
]
