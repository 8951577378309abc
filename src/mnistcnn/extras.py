"""Packages that only some commands need, and that may not be installed. Imports nothing heavy."""

from importlib.util import find_spec

from mnistcnn.errors import MissingPackageError


def require(purpose: str, extra: str, *packages: str) -> None:
    """Raise `MissingPackageError` naming those of `packages` that `purpose` needs and aren't installed."""
    missing = " ".join(name for name in packages if find_spec(name) is None)
    if missing:
        raise MissingPackageError(f"{purpose} needs the extra [{extra}]: pip install {missing}")
