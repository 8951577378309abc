"""The errors users are told about in one line, and the exit codes. Imports nothing heavy."""

from enum import IntEnum
from importlib.util import find_spec


class ExitCode(IntEnum):
    """What the process says to the shell when it ends."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    GATE = 3
    HANGUP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class MnistCnnError(Exception):
    """A user's mistake or a broken world; everything else that is raised is a bug and keeps its traceback.

    `message` says what is wrong and with what; `hint`, where there is one, names the command or option that helps.
    """

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint


class UsageError(MnistCnnError):
    """Options that make no sense; a message about one of `TrainConfig` begins with its name, `setting`."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, hint: str | None = None, *, setting: str | None = None) -> None:
        super().__init__(message, hint)
        self.setting = setting


class DataError(MnistCnnError):
    """The data set can't be had, or is damaged."""


class DeviceError(MnistCnnError):
    """The device asked for isn't there or doesn't work."""


class CheckpointError(MnistCnnError):
    """A checkpoint can't be read, or isn't one of this network."""


class PictureError(MnistCnnError):
    """A picture can't be read."""


class TrainingError(MnistCnnError):
    """Training can't go on: it diverged, another run holds its files, or another process of it is gone."""


class MissingPackageError(MnistCnnError):
    """A command needs a package that isn't installed."""


class ServerError(MnistCnnError):
    """The page can't be served there."""


class OutputError(MnistCnnError):
    """A file can't be written where the user wants it."""


class ReaderGone(MnistCnnError):
    """Nobody reads the result any more, as in `mnistcnn predict pictures/ | head -1`; there is nobody to tell it."""

    exit_code = ExitCode.BROKEN_PIPE

    def __init__(self) -> None:
        super().__init__("Nobody reads the result.")


class GateError(MnistCnnError):
    """The accuracy asked for was not reached."""

    exit_code = ExitCode.GATE


class Interrupted(BaseException):
    """A signal ended the command; `message` says what was kept.

    Like `KeyboardInterrupt` it isn't an `Exception`: a library that survives any failure must not survive this one.
    """

    def __init__(self, message: str, hint: str | None = None, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.message, self.hint, self.exit_code = message, hint, exit_code


def first_line(error: Exception) -> str:
    """The first line of another library's message, or the error's type where it has none."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def require(purpose: str, extra: str, *packages: str) -> None:
    """Raise `MissingPackageError` naming those of `packages` that `purpose` needs and aren't installed."""
    missing = " ".join(name for name in packages if find_spec(name) is None)
    if missing:
        raise MissingPackageError(f"{purpose} needs the extra [{extra}]: pip install {missing}")
