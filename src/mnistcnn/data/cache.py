"""The data set cache: looked at first, verified on every load, filled once, by one process, atomically."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from mnistcnn.config import DatasetName
from mnistcnn.data import files, idx
from mnistcnn.data.sources import fetch_mnist
from mnistcnn.errors import DataError
from mnistcnn.events import Note, Observer, Transfer

CACHE_VARIABLE = "MNISTCNN_CACHE_DIR"
LOCK_PATIENCE = 1800.0  # seconds; longer than any fetch may take
SYNTHETIC_SEED = 20_260_101
_WORK = ".mnistcnn-fetch"  # as long as it is there, the folder is being filled by us
_LOCK = ".mnistcnn.lock"


def cache_dir() -> Path:
    """The folder of all cached data sets: `MNISTCNN_CACHE_DIR`, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("mnistcnn", appauthor=False)


def read_files(
    dataset: DatasetName,
    names: tuple[str, ...],
    data_dir: Path | None,
    mirror: str | None,
    observer: Observer,
) -> tuple[dict[str, bytes], Path]:
    """The verified raw contents of `names`, and the folder they came from.

    From `data_dir` where given, else from the cache; where the files are missing (or, in the cache, damaged)
    they are fetched first. A `data_dir` that holds anything is never written to. Raises `DataError`.
    """
    home = data_dir if data_dir is not None else cache_dir() / dataset
    try:
        return _read(dataset, home, names)
    except FileNotFoundError as error:
        if data_dir is not None and not _may_fill(home):
            missing = Path(error.filename or error.args[0]).name
            raise DataError(
                f"{home} has no {missing} (raw or .gz, in it or in its MNIST/raw).",
                "Give a folder with the four files, an empty one to fetch them into, or no --data-dir.",
            ) from error
    except files.DamagedError as error:
        if data_dir is not None:
            raise DataError(f"{error}.", "Replace that file, or leave out --data-dir.") from error
        observer(Note(f"{error}: thrown away and fetched again.", warning=True))
    except OSError as error:
        raise DataError(f"{home} can't be read: {error.strerror}.") from error
    return _fill(dataset, home, names, mirror, observer)


def _read(dataset: DatasetName, home: Path, names: tuple[str, ...]) -> tuple[dict[str, bytes], Path]:
    folder = files.find_folder(home) or home
    sums = files.MNIST_SHA256 if dataset is DatasetName.MNIST else files.read_sums(folder)
    return {name: files.read_verified(folder, name, sums[name]) for name in names}, folder


def _may_fill(home: Path) -> bool:
    """Whether a folder of the user's is missing, empty, or one that we were filling when we were stopped."""
    if not home.exists():
        return True
    return home.is_dir() and ((home / _WORK).is_dir() or all(p.name == _LOCK for p in home.iterdir()))


def _fill(
    dataset: DatasetName, home: Path, names: tuple[str, ...], mirror: str | None, observer: Observer
) -> tuple[dict[str, bytes], Path]:
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _locked(home, observer):
            try:
                return _read(dataset, home, names)  # somebody else was faster
            except (FileNotFoundError, files.DamagedError):
                _fetch(dataset, home, mirror, observer)
                return _read(dataset, home, names)
    except OSError as error:
        raise DataError(
            f"The data can't be put into {home}: {error.strerror or error}.",
            f"Choose another folder with --data-dir or {CACHE_VARIABLE}.",
        ) from error


@contextmanager
def _locked(home: Path, observer: Observer) -> Iterator[None]:
    """Hold the folder's lock; the system frees it when its holder dies."""
    lock = FileLock(home / _LOCK)
    try:
        lock.acquire(timeout=0.2)
    except Timeout:
        observer(Note("Another process is fetching the data; waiting for it."))
        try:
            lock.acquire(timeout=LOCK_PATIENCE)
        except Timeout as error:
            raise DataError(f"Another process has held {home / _LOCK} for too long.") from error
    try:
        yield
    finally:
        lock.release()


def _fetch(dataset: DatasetName, home: Path, mirror: str | None, observer: Observer) -> None:
    """Fetch or draw all four files in a private folder inside `home`, then rename them into place."""
    work = home / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    fetched, moved = False, list(files.FILES)
    try:
        if dataset is DatasetName.SYNTHETIC:
            _draw(work, observer)
            folder, moved = work, [*files.FILES, files.SUMS]
        else:
            folder, source = fetch_mnist(work, mirror, observer)
            observer(Note(f"MNIST fetched from {source} into {home}"))
        files.move_in(folder, home, moved)
        fetched = True
    finally:
        # A folder that was the user's and empty is empty again after a failure.
        shutil.rmtree(work, ignore_errors=not fetched)


def _draw(folder: Path, observer: Observer) -> None:
    from mnistcnn.data import synthetic  # noqa: PLC0415 - only a first start needs it

    total = synthetic.TRAIN_COUNT + synthetic.TEST_COUNT
    contents: dict[str, bytes] = {}

    def draw(names: tuple[str, str], count: int, seed: int, before: int) -> None:
        images, labels = synthetic.draw_digits(
            count, seed, lambda done: observer(Transfer("digits drawn", before + done, total))
        )
        contents[names[0]], contents[names[1]] = idx.encode(images), idx.encode(labels)

    draw(files.TRAIN_FILES, synthetic.TRAIN_COUNT, SYNTHETIC_SEED, 0)
    draw(files.TEST_FILES, synthetic.TEST_COUNT, SYNTHETIC_SEED + 1, synthetic.TRAIN_COUNT)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    files.write_sums(folder, contents)
