import socket
import urllib.request
from pathlib import Path

import pytest

from mnistcnn.data import files, mirrors
from mnistcnn.data.mirrors import RefusedError, _Guard, fetch_from_mirror, mirror_urls
from mnistcnn.errors import DataError
from mnistcnn.events import Event, Transfer, ignore
from tests.server import serving


def test_a_mirror_gives_the_four_files(
    archives: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[Event] = []
    with serving(archives) as (url, _):
        folder = fetch_from_mirror(url, tmp_path, told.append)
    for name in files.FILES:
        files.read_verified(folder, name, files.MNIST_SHA256[name])
    assert capfd.readouterr() == ("", "")  # nothing of torchvision's chatter
    largest = max(archives, key=lambda name: len(archives[name]))
    assert Transfer(largest, len(archives[largest]), len(archives[largest])) in told


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("403", "403"),
        ("404", "404"),
        ("500", "500"),
        ("hang", "timed out"),
        ("drip", "not there after"),
        ("endless", "sends more than|not there after"),
        ("boast", "offers 1,000,000,000,000 bytes"),
        ("truncate", "corrupted"),
        ("close", "corrupted|IncompleteRead"),
        ("corrupt", "corrupted"),
        ("file", "it leads to file, which is not followed"),
    ],
)
def test_whatever_a_mirror_does_ends_in_a_reason(
    fault: str, why: str, archives: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirrors, "TIMEOUT", 0.3)
    monkeypatch.setattr(mirrors, "PATIENCE", 0.5)
    with serving(archives, fault) as (url, _), pytest.raises(DataError, match=why):
        fetch_from_mirror(url, tmp_path, ignore)


def test_a_mirror_that_is_not_there(tmp_path: Path, archives: dict[str, bytes]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="refused"):
        fetch_from_mirror(f"http://127.0.0.1:{port}/", tmp_path, ignore)


def test_https_never_becomes_http() -> None:
    guard = _Guard("https", lambda what, done, total: None)
    with pytest.raises(RefusedError, match="plain http"):
        guard.http_request(urllib.request.Request("http://127.0.0.1/x"))
    assert guard.https_request(urllib.request.Request("https://127.0.0.1/x")).timeout == mirrors.TIMEOUT


def test_the_way_of_opening_addresses_is_put_back(archives: dict[str, bytes], tmp_path: Path) -> None:
    before = urllib.request._opener  # type: ignore[attr-defined]
    with serving(archives, "404") as (url, _), pytest.raises(DataError):
        fetch_from_mirror(url, tmp_path, ignore)
    assert urllib.request._opener is before  # type: ignore[attr-defined]


def test_a_given_mirror_goes_first_and_gets_its_slash() -> None:
    assert mirror_urls("http://127.0.0.1:1/mnist")[0] == "http://127.0.0.1:1/mnist/"
    assert len(mirror_urls("http://127.0.0.1:1/")) == len(mirror_urls()) + 1


@pytest.mark.parametrize("url", ["file:///etc/", "ftp://host/", "mnist", "http://", "//host/"])
def test_only_http_addresses_are_mirrors(url: str) -> None:
    with pytest.raises(DataError, match="not an http"):
        mirror_urls(url)
