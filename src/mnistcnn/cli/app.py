"""The application: it registers the commands, and turns errors and signals into messages and exit codes."""

import re
import sys
import time
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from mnistcnn.cli.conventions import Command, describe_misuse
from mnistcnn.cli.draw import draw
from mnistcnn.cli.evaluate import evaluate
from mnistcnn.cli.export import export
from mnistcnn.cli.output import show_error
from mnistcnn.cli.predict import predict
from mnistcnn.cli.summary import summary
from mnistcnn.cli.train import train
from mnistcnn.config import flag
from mnistcnn.errors import (
    DataError,
    DeviceError,
    ExitCode,
    Interrupted,
    MnistCnnError,
    ReaderGone,
    UsageError,
    first_line,
)
from mnistcnn.network.world import World
from mnistcnn.system.signals import listening

# Seconds that other processes wait before they fail: torchrun ends all as soon as one fails, and rank 0 reports why.
PATIENCE = 10.0
# The dynamic linker, PyTorch, OpenCV and the C++ library have no exception type for a lack of memory, only messages.
_NO_MEMORY = re.compile(
    "failed to map segment|(can't|cannot|failed to|unable to) allocate|insufficient memory|bad_?alloc", re.I
)
_Misuse: type[Any] = typer.BadParameter.__bases__[0]  # Typer raises it for an invalid command line


class _Group(TyperGroup):
    """Turns errors into lines and exit codes, and lets signals end any command cleanly."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            try:
                code = super().main(*args, **{**kwargs, "standalone_mode": False})
            finally:
                sys.stdout.flush()  # inside `try`, so that a result that can't be written is reported
            sys.exit(code)
        except _Misuse as misuse:
            if misuse.format_message():  # it is empty where the help has been shown instead
                command = misuse.ctx.command_path if misuse.ctx else self.name
                _tell(UsageError(describe_misuse(misuse), f"See `{command} --help`."))
            sys.exit(ExitCode.USAGE)
        except Interrupted as stopped:
            _tell(stopped)
            sys.exit(stopped.exit_code)
        except ReaderGone as gone:
            sys.exit(gone.exit_code)
        except MnistCnnError as error:
            if isinstance(error, UsageError) and error.setting is not None:
                error.message = error.message.replace(error.setting, flag(error.setting), 1)
            _tell(error)
            sys.exit(error.exit_code)
        except Exception as error:
            if type(error).__name__ == "OutOfMemoryError":  # PyTorch's own type, compared without importing PyTorch
                _tell(DeviceError(first_line(error), "Close other programs that use the device, or use --device cpu."))
            elif isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
                _tell(DeviceError("There is not enough memory.", "Close other programs, or raise the memory limit."))
            else:
                raise
            sys.exit(ExitCode.FAILURE)

    def invoke(self, ctx: Any) -> Any:
        with listening() as ctx.obj:
            return super().invoke(ctx)


def _tell(error: MnistCnnError | Interrupted) -> None:
    """Show an error: of several processes only rank 0, unless it is about this process's own data or device."""
    if World.from_environment().is_main or isinstance(error, DataError | DeviceError):
        show_error(error)
    else:
        time.sleep(PATIENCE)


app = typer.Typer(
    cls=_Group,
    name="mnistcnn",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mnistcnn {version('mnistcnn')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train, evaluate, use and explain one convolutional network on the MNIST digits."""


for _command, _example in (
    (train, "train --epochs 2 --device cpu"),
    (evaluate, "evaluate models/mnist_cnn.pth --min-accuracy 0.99"),
    (predict, "predict photo.jpg scans/"),
    (summary, "summary models/mnist_cnn.pth --plot filters.png"),
    (draw, "draw --port 8080"),
    (export, "export model.onnx"),
):
    app.command(cls=Command, epilog=f"Example: mnistcnn {_example}")(_command)
