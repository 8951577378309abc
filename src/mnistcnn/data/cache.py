"""The cache of the data sets: verified on every load, filled once, by one process, atomically."""

import os
import shutil
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout

from mnistcnn.config import DatasetName
from mnistcnn.data import verified_files
from mnistcnn.data.download import download_mnist
from mnistcnn.errors import DataError
from mnistcnn.events import Note, Observer, Transfer
from mnistcnn.system.storage import explain, flush_to_disk

CACHE_VARIABLE = "MNISTCNN_CACHE_DIR"
LOCK_PATIENCE = 1800.0  # seconds; longer than any download may take
SEED = 20_260_101  # for the synthetic digits
_MNIST_ONLY = (
    "`mnistcnn train` is for MNIST alone; without --data-dir, it is downloaded. "
    "`mnistcnn evaluate --pictures FOLDER` measures a network on digits of your own."
)
_WORK = ".mnistcnn-fetch"  # it exists while this program fills the folder
_LOCK = ".mnistcnn.lock"


def cache_dir() -> Path:
    """Return the folder of all cached data sets: `MNISTCNN_CACHE_DIR` if set, else the user's cache folder."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("mnistcnn", appauthor=False)


def read_files(
    dataset: DatasetName, names: tuple[str, ...], data_dir: Path | None, mirror: str | None, observer: Observer
) -> tuple[dict[str, bytes], Path]:
    """Return the verified raw contents of `names`, and the folder that they were read from.

    They are read from `data_dir` if it is given, else from the cache. Missing files, and damaged ones in the cache,
    are downloaded first. A `data_dir` that holds anything is never written to. Raises `DataError`.
    """
    home = data_dir or cache_dir() / dataset
    try:
        return _read(dataset, home, names)
    except (FileNotFoundError, NotADirectoryError) as error:
        if data_dir and not _may_fill(home):
            raise _no_files(home, Path(error.filename).name) from error
    except verified_files.DamagedError as error:
        if data_dir and dataset is DatasetName.MNIST:
            raise DataError(f"{error}: it is damaged, or not a file of MNIST.", _MNIST_ONLY) from error
        if data_dir:
            raise DataError(f"{error}.", "Replace that file, or leave out --data-dir.") from error
        observer(Note(f"{error}; downloading it again.", warning=True))
    except OSError as error:
        raise DataError(f"{home} can't be read: {error.strerror}.") from error
    try:
        home.mkdir(parents=True, exist_ok=True)
        with _lock(home, observer):
            with suppress(FileNotFoundError, verified_files.DamagedError):
                return _read(dataset, home, names)  # another process has filled it meanwhile
            _fill(dataset, home, mirror, observer)
            return _read(dataset, home, names)
    except OSError as error:
        hint = f"Choose another folder with --data-dir or {CACHE_VARIABLE}."
        raise DataError(f"The data can't be written to {home}: {explain(error, home)}.", hint) from error


def _no_files(home: Path, missing: str) -> DataError:
    """Describe why the user's folder `home`, without the file `missing`, can't be used."""
    other = verified_files.describe_other_data(home)
    if other:
        return DataError(f"{home} has {other}, not the four files of MNIST.", _MNIST_ONLY)
    return DataError(
        f"Neither {home} nor its subfolder MNIST/raw has {missing}, raw or .gz.",
        "Give --data-dir a folder with the four files or an empty one to download them into, or leave it out.",
    )


def _read(dataset: DatasetName, home: Path, names: tuple[str, ...]) -> tuple[dict[str, bytes], Path]:
    folder = verified_files.find_folder(home)
    sums = verified_files.MNIST_SHA256 if dataset is DatasetName.MNIST else verified_files.read_sums(folder)
    return {name: verified_files.read_verified(folder, name, sums[name]) for name in names}, folder


def _may_fill(home: Path) -> bool:
    """Whether the user's folder is missing, empty, or left half filled by a stopped run of this program."""
    if not home.is_dir():
        return not home.exists()
    names = {path.name for path in home.iterdir()}
    return _WORK in names or names <= {_LOCK}


def _lock(home: Path, observer: Observer) -> AbstractContextManager[object]:
    """Hold the folder's lock while the context lasts; the system frees it if its holder dies."""
    lock = FileLock(home / _LOCK)
    with suppress(Timeout):
        return lock.acquire(timeout=0.2)
    observer(Note("Another process is downloading the data; waiting for it."))
    try:
        return lock.acquire(timeout=LOCK_PATIENCE)
    except Timeout as error:
        raise DataError(f"Another process has held {home / _LOCK} for too long.") from error


def _fill(dataset: DatasetName, home: Path, mirror: str | None, observer: Observer) -> None:
    """Write all four files into a private folder inside `home`, then rename them into place."""
    work = home / _WORK
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        if dataset is DatasetName.SYNTHETIC:
            contents = _render(observer)
            verified_files.write_sums(work, contents)
        else:
            contents, source = download_mnist(mirror, observer)
            observer(Note(f"MNIST downloaded from {source} into {home}"))
        for name, content in contents.items():
            (work / name).write_bytes(content)
        for path in list(work.iterdir()):
            with path.open("rb+") as stream:
                flush_to_disk(stream.fileno())
            path.replace(home / path.name)
    finally:
        shutil.rmtree(work, ignore_errors=True)  # after a failure, the user's empty folder is empty again


def _render(observer: Observer) -> dict[str, bytes]:
    from mnistcnn.data import synthetic  # noqa: PLC0415 - only the first use of the synthetic digits needs it

    count = synthetic.TRAIN_COUNT
    total = synthetic.TRAIN_COUNT + synthetic.TEST_COUNT
    what = "digits drawn"
    train = synthetic.render_digits(count, SEED, lambda done: observer(Transfer(what, done, total)))
    test = synthetic.render_digits(total - count, SEED + 1, lambda done: observer(Transfer(what, count + done, total)))
    return verified_files.encode_files(*train, *test)
