"""The errors that users see as one line, and the exit codes. Imports nothing heavy."""

from enum import IntEnum
from importlib.util import find_spec


class ExitCode(IntEnum):
    """The exit code of the process."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    GATE = 3
    HANGUP = 129
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


class MnistCnnError(Exception):
    """A user's mistake or a failure of the system; any other exception is a bug and keeps its traceback.

    `message` says what is wrong and with what; `hint`, if given, names the command or option that helps.
    """

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MnistCnnError):
    """The options make no sense. A message about a field of `TrainConfig` begins with its name, `setting`."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, hint: str | None = None, *, setting: str | None = None) -> None:
        super().__init__(message, hint)
        self.setting = setting


class DataError(MnistCnnError):
    """The data set is missing and can't be downloaded, can't be read, or is damaged."""


class DeviceError(MnistCnnError):
    """The requested device isn't there or doesn't work."""


class CheckpointError(MnistCnnError):
    """A checkpoint can't be read, or belongs to another network."""


class PictureError(MnistCnnError):
    """An image can't be read."""


class TrainingError(MnistCnnError):
    """Training can't continue: it diverged, another run holds its files, or one of its processes is gone."""


class MissingPackageError(MnistCnnError):
    """A command needs a package that isn't installed."""


class ServerError(MnistCnnError):
    """The drawing page can't be served at the requested address."""


class OutputError(MnistCnnError):
    """A file can't be written where the user wants it."""


class ReaderGone(MnistCnnError):
    """Standard output is closed, as by `mnistcnn predict images/ | head -1`; the process ends without a message."""

    exit_code = ExitCode.BROKEN_PIPE

    def __init__(self) -> None:
        super().__init__("Nobody reads the result.")


class GateError(MnistCnnError):
    """The accuracy is below the one required by `--min-accuracy`."""

    exit_code = ExitCode.GATE


class Interrupted(BaseException):
    """A signal ended the command; `message` says what was kept.

    Like `KeyboardInterrupt` it isn't an `Exception`: a library that survives any failure must not survive this one.
    """

    def __init__(self, message: str, hint: str | None = None, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def first_line(error: Exception) -> str:
    """Return the first line of another library's message, or the error's type if it has no message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def require(purpose: str, extra: str, *packages: str) -> None:
    """Raise `MissingPackageError`, which names the missing ones, unless all `packages` are installed."""
    missing = " ".join(name for name in packages if find_spec(name) is None)
    if missing:
        raise MissingPackageError(f"{purpose} needs the extra [{extra}]: pip install {missing}")
