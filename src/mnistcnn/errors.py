"""The errors users are told about in one line, and the exit codes. Imports nothing heavy."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says to the shell when it ends."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    GATE = 3
    INTERRUPTED = 130
    TERMINATED = 143


class MnistCnnError(Exception):
    """A user's mistake or a broken world: told in one line, without a traceback.

    `message` says what is wrong and with what; `hint`, where there is one, names the command or option
    that helps. Everything else that is raised is a bug and keeps its traceback.
    """

    exit_code = ExitCode.FAILURE

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(MnistCnnError):
    """Options that make no sense, alone or together.

    `setting` is the field of `TrainConfig` that the message begins with, if it does; the command line puts the
    name of its option there.
    """

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
    """Training can't go on: it diverged, or another run holds its files."""


class PeerError(TrainingError):
    """Another process of the same run is gone."""


class MissingPackageError(MnistCnnError):
    """A command needs a package that isn't installed."""


class ServerError(MnistCnnError):
    """The page can't be served there."""


class OutputError(MnistCnnError):
    """A file can't be written where the user wants it."""


class GateError(MnistCnnError):
    """The accuracy asked for was not reached."""

    exit_code = ExitCode.GATE


class Interrupted(MnistCnnError):
    """Ctrl-C (SIGINT, exit 130) or SIGTERM (exit 143) ended the command; `message` says what was kept."""

    def __init__(self, message: str, hint: str | None = None, *, terminated: bool = False) -> None:
        super().__init__(message, hint)
        self.exit_code = ExitCode.TERMINATED if terminated else ExitCode.INTERRUPTED
