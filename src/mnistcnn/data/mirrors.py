"""MNIST from its mirrors: torchvision's own download, with a guard around what it leaves open."""

from __future__ import annotations

import contextlib
import io
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit

from mnistcnn.errors import DataError
from mnistcnn.events import Observer, Transfer

TIMEOUT = 15.0  # seconds of silence on a connection
PATIENCE = 300.0  # seconds for one file, however slowly it drips
MOST_BYTES = 16 << 20  # of one file; the largest has 9.9 MB


class RefusedError(OSError):
    """A response that is not worth waiting for, or a redirect that is not followed."""


def mirror_urls(first: str | None = None) -> list[str]:
    """torchvision's mirrors, behind `first` where one is given. Raises `DataError` if that isn't http(s)."""
    from torchvision.datasets import MNIST  # noqa: PLC0415 - 1.6 s, and only a fetch needs it

    if first is not None:
        parts = urlsplit(first)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise DataError(f"--mirror {first!r} is not an http:// or https:// address.")
        first = first if first.endswith("/") else first + "/"
    return [*([first] if first else []), *MNIST.mirrors]


def fetch_from_mirror(url: str, folder: Path, observer: Observer) -> Path:
    """Download and unpack the four files from the mirror `url` with torchvision; return their folder.

    `folder` is empty and ours. Raises `DataError` with the reason on any failure of the mirror: silence,
    dripping, an endless body, a status that isn't 200, a downgrade to http, wrong content.
    """
    from torchvision.datasets import MNIST  # noqa: PLC0415

    # torchvision makes an object only of a data set that is there, so its download is called without one.
    download = MNIST.__new__(MNIST)
    download.root = str(folder)
    download.mirrors = [url]
    chatter = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(chatter),
            contextlib.redirect_stderr(chatter),
            _guarded(urlsplit(url).scheme, lambda what, done, total: observer(Transfer(what, done, total))),
        ):
            download.download()
    except (RuntimeError, OSError, ValueError, EOFError, HTTPException) as error:
        raise DataError(_reason(error)) from error
    return Path(download.raw_folder)


def _reason(error: Exception) -> str:
    """The last line that says something: torchvision lists what it tried before it."""
    if isinstance(error, URLError) and isinstance(error.reason, Exception):
        error = error.reason
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1].removeprefix("<urlopen error ").removesuffix(">")


@contextlib.contextmanager
def _guarded(scheme: str, progress: Callable[[str, int, int], None]) -> Iterator[None]:
    """Let every urlopen() inside go through `_Guard`; put back what was there before."""
    before = urllib.request._opener  # type: ignore[attr-defined]
    urllib.request.install_opener(urllib.request.build_opener(_Guard(scheme, progress)))
    try:
        yield
    finally:
        urllib.request._opener = before  # type: ignore[attr-defined]


class _Guard(urllib.request.BaseHandler):
    """Gives requests a timeout, keeps https from falling to http, bounds and counts what comes."""

    def __init__(self, scheme: str, progress: Callable[[str, int, int], None]) -> None:
        self._schemes = {"https"} if scheme == "https" else {"http", "https"}
        self._progress = progress

    def http_request(self, request: urllib.request.Request) -> urllib.request.Request:
        if urlsplit(request.full_url).scheme not in self._schemes:
            raise RefusedError("it leads to plain http, which is not followed")
        request.timeout = TIMEOUT
        return request

    def http_response(self, request: urllib.request.Request, response: HTTPResponse) -> HTTPResponse:
        total = response.length or 0
        refusal, leads_to = None, urlsplit(response.headers.get("Location", "")).scheme
        if leads_to and leads_to not in self._schemes:
            refusal = f"it leads to {leads_to}, which is not followed"
        elif response.status >= 400:
            refusal = f"it answers {response.status} {response.reason}"
        elif total > MOST_BYTES:
            refusal = f"it offers {total:,} bytes for a file of at most {MOST_BYTES:,}"
        if refusal is not None:
            response.close()
            raise RefusedError(refusal)
        name = urlsplit(request.full_url).path.rpartition("/")[2]
        # read1, because read would wait for a whole block of what drips.
        response.read = self._bounded(response.read1, name, total)  # type: ignore[method-assign]
        return response

    https_request = http_request
    https_response = http_response

    def _bounded(self, read: Callable[..., bytes], name: str, total: int) -> Callable[..., bytes]:
        done, deadline = 0, time.monotonic() + PATIENCE

        def bounded(*args: Any) -> bytes:
            nonlocal done
            chunk = read(*args)
            done += len(chunk)
            if done > MOST_BYTES:
                raise RefusedError(f"it sends more than {MOST_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise RefusedError(f"{name} was not there after {PATIENCE:.0f} seconds")
            self._progress(name, done, total)
            return chunk

        return bounded
