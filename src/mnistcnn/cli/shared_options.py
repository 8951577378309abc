"""The options that several commands share, and the panels of the help. Imports no torch."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnistcnn.config import DATA, DEFAULT_CHECKPOINT, DEVICE_SPELLING, DEVICES, MACHINE, TrainConfig, check_mirror
from mnistcnn.errors import UsageError

# Options of one panel: `reading(help="…")`.
data, machine, output, reading, page = (
    partial(typer.Option, rich_help_panel=panel) for panel in (DATA, MACHINE, "Output", "Reading", "Page")
)


def either_checkpoint(argument: Path | None, option: Path | None) -> Path | None:
    """Return the network named by the argument or by `--checkpoint`. Raises `UsageError` if they name different ones.

    `MNISTCNN_CHECKPOINT` gives the option its value, too; the argument overrides it.
    """
    variable = os.environ.get(_CHECKPOINT_VARIABLE)
    if argument is not None and option not in (None, argument, variable and Path(variable)):
        raise UsageError(f"CHECKPOINT {argument} and --checkpoint {option} name two networks.")
    return argument or option


def keep_numpy_to_one_thread() -> None:
    """Limit NumPy's matrix products to one thread; call it before NumPy is imported.

    `reading.network` has threads of its own. NumPy's would spin while they wait for each other: if other programs are
    running, a single frame takes a hundred times as long.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _check_device(value: str) -> str:
    """Reject a name that can't be a device's before PyTorch is loaded."""
    if not re.fullmatch(DEVICE_SPELLING, value):
        raise typer.BadParameter(f"{value!r} is not one of auto, cpu, cuda, cuda:N, mps, xpu, xpu:N.")
    return value


_device = partial(
    machine,
    metavar="DEVICE",
    callback=_check_device,
    autocompletion=lambda: ["auto", "cpu", "cuda", "mps", "xpu"],
)
DeviceOption = Annotated[str, _device(help=TrainConfig.settings()["device"][1].help)]
ReadingDeviceOption = Annotated[str, _device(help=f"{DEVICES}; auto is the CPU, which needs no PyTorch.")]
DataDirOption = Annotated[
    Path | None,
    data(
        metavar="DIR",
        help="Folder with the four MNIST files, raw or .gz; if it is missing or empty, they are downloaded into it.",
        show_default="the user's cache",
    ),
]
_MIRROR = "Mirror to try first, an http:// or https:// address."
MirrorOption = Annotated[str | None, data(envvar="MNISTCNN_MIRROR", metavar="URL", callback=check_mirror, help=_MIRROR)]
SingleOption = Annotated[bool, reading("--single", help="There is exactly one digit on each picture.")]
JsonOption = Annotated[bool, output("--json", help="Print one JSON document instead of a table.")]
QuietOption = Annotated[bool, output("--quiet", "-q", help="Print only results and errors.")]
_CHECKPOINT_VARIABLE = "MNISTCNN_CHECKPOINT"
CheckpointOption = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        "-c",
        metavar="FILE",
        envvar=_CHECKPOINT_VARIABLE,
        show_default=f"{DEFAULT_CHECKPOINT}, or the one in the package",
        help="The trained network, or packaged for the one in the package.",
    ),
]
CheckpointArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="CHECKPOINT",
        show_default=False,
        help="A checkpoint of `train`, a bare state_dict of this network, or packaged; the same as --checkpoint.",
    ),
]
