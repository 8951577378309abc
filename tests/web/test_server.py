from __future__ import annotations

import asyncio
import http.client
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from mnistcnn.errors import PictureError, ServerError
from mnistcnn.web import server
from mnistcnn.web.reader import Reader
from tests.browser import served
from tests.conftest import invoke

DIGIT = (Path(__file__).parents[1] / "pictures" / "3_brush.png").read_bytes()


@pytest.fixture(scope="module")
def port(trained: Path) -> Iterator[int]:
    """A server in this process, so that its limits can be changed."""
    listener = server._listen("127.0.0.1", 0)
    running = uvicorn.Server(server.configure(server.build_app(Reader(trained))))
    thread = threading.Thread(target=lambda: asyncio.run(running.serve([listener])))
    thread.start()
    yield listener.getsockname()[1]
    running.should_exit = True
    thread.join(10)
    listener.close()


def ask(port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Status and what was answered; the JSON in it, where it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        content = answer.read()
        assert "default-src 'none'" in (answer.getheader("content-security-policy") or "")
        return answer.status, json.loads(content) if answer.getheader("content-type") == "application/json" else content
    finally:
        connection.close()


def test_the_page_comes_whole_and_needs_nothing_from_elsewhere(port: int) -> None:
    for path, beginning in (("/", b"<!doctype html>"), ("/draw.css", b":root"), ("/draw.js", b'"use strict"')):
        status, content = ask(port, "GET", path)
        assert status == 200 and content.startswith(beginning)
        assert b"http://" not in content and b"https://" not in content


def test_a_picture_is_answered_with_all_that_the_page_shows(port: int) -> None:
    status, drawing = ask(port, "POST", "/read", DIGIT, Content_Type="image/png")
    assert status == 200
    assert set(drawing) == {"text", "confidence", "digits", "frames", "responses", "warning", "note", "seconds"}
    (digit,) = drawing["digits"]
    assert set(digit) == {"digit", "confidence", "top", "box", "row", "space", "doubted"}
    assert sum(candidate["confidence"] for candidate in digit["top"]) == pytest.approx(1) and len(digit["box"]) == 4
    assert (len(drawing["frames"]), len(drawing["responses"])) == (1, 1)


def test_where_there_is_nothing_the_answer_has_no_digit(port: int) -> None:
    status, drawing = ask(port, "POST", "/read", b"P5 28 28 255\n" + bytes([255]) * 784, Content_Type="image/x")
    assert (status, drawing["text"], drawing["confidence"], drawing["digits"]) == (200, None, None, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "status"),
    [
        ("GET", "/nothing", None, "", 404),
        ("GET", "/../cli.py", None, "", 404),
        ("GET", "/read", None, "", 405),
        ("POST", "/", b"", "image/png", 405),
        ("POST", "/read", DIGIT, "application/x-www-form-urlencoded", 415),
        ("POST", "/read", DIGIT, "", 415),
        ("POST", "/read", b"", "image/png", 422),
        ("POST", "/read", b"no picture", "image/png", 422),
        ("POST", "/read", DIGIT[:100], "image/png", 422),
    ],
)
def test_mistakes_are_answered_as_json(
    port: int, method: str, path: str, body: bytes | None, kind: str, status: int
) -> None:
    found, answer = ask(port, method, path, body, Content_Type=kind)
    assert (found, list(answer)) == (status, ["error"])


def test_too_large_and_too_slow_pictures_are_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MOST_BYTES", 1000)
    assert ask(port, "POST", "/read", DIGIT, Content_Type="image/png")[0] == 413
    monkeypatch.setattr(server, "MOST_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
        slow.sendall(
            b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: 99\r\n\r\nx"
        )
        assert b" 408 " in slow.recv(100)


def test_a_bug_is_answered_as_json_too(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Reader, content: bytes) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Reader, "read", fail)
    status, answer = ask(port, "POST", "/read", DIGIT, Content_Type="image/png")
    assert status == 500 and "a bug" not in answer["error"]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[", "10.0.0.1"])
def test_other_names_than_its_own_are_refused(port: int, host: str) -> None:
    assert ask(port, "GET", "/", Host=host)[0] == 403


def test_other_pages_are_refused(port: int) -> None:
    for origin, status in (
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        (f"http://127.0.0.1:{port}", 200),
    ):
        found, _ = ask(port, "POST", "/read", DIGIT, Content_Type="image/png", Origin=origin)
        assert found == status, origin


@pytest.mark.parametrize(
    ("host", "alone", "public"),
    [
        ("127.0.0.1:8028", True, True),
        ("localhost", True, True),
        ("[::1]:80", True, True),
        ("192.168.1.7:8028", False, True),
        ("evil.example", False, False),
        ("[::1", False, False),
    ],
)
def test_whose_name_a_host_is(host: str, alone: bool, public: bool) -> None:
    assert server.is_own_name(host, public=False) == alone
    assert server.is_own_name(host, public=True) == public


def test_a_hundred_hostile_bodies_leave_the_served_page_standing() -> None:
    rng = random.Random(0)
    with served() as address:
        port = int(address.rstrip("/").rpartition(":")[2])
        for number in range(100):
            match number % 5:
                case 0:
                    body = rng.randbytes(rng.randrange(100_000))
                case 1:
                    body = DIGIT[: rng.randrange(len(DIGIT))]
                case 2:
                    body = bytes(b ^ (rng.random() < 0.01) * rng.randrange(256) for b in DIGIT)
                case 3:
                    body = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + rng.randbytes(40)
                case _:
                    body = b"P5 60000 60000 255\n"
            status, answer = ask(port, "POST", "/read", body, Content_Type="image/png")
            assert status in (200, 422), answer
        with socket.create_connection(("127.0.0.1", port)) as rude:
            rude.sendall(b"\x00\xff" * 1000)
        with socket.create_connection(("127.0.0.1", port)) as gone:
            gone.sendall(
                b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n"
            )
        started = time.perf_counter()
        status, drawing = ask(port, "POST", "/read", DIGIT, Content_Type="image/png")
        assert (status, drawing["text"]) == (200, "3") and time.perf_counter() - started < 10


def test_pictures_beyond_a_short_queue_are_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(self: Reader, content: bytes) -> None:
        begun.set()
        go_on.wait(20)
        raise PictureError("The file can't be read.")

    monkeypatch.setattr(Reader, "read", wait)
    monkeypatch.setattr(server, "MOST_WAITING_PER_ADDRESS", 2)
    with ThreadPoolExecutor() as pool:
        first = [pool.submit(ask, port, "POST", "/read", DIGIT, Content_Type="image/png") for _ in range(3)]
        assert begun.wait(20)
        status, _ = next(as_completed(first)).result()
        assert status == 503
        assert ask(port, "GET", "/")[0] == 200
        go_on.set()
        assert sorted(each.result()[0] for each in first) == [422, 422, 503]


def test_a_page_for_other_machines_has_an_address_that_they_can_use() -> None:
    with served("--host", "0.0.0.0") as address:
        assert "0.0.0.0" not in address
        port = int(address.rstrip("/").rpartition(":")[2])
        assert ask(port, "GET", "/", Host="192.0.2.7")[0] == 200
        assert ask(port, "GET", "/", Host="evil.example")[0] == 403


@pytest.mark.parametrize(
    ("host", "public"),
    [("127.0.0.1", False), ("localhost", False), ("::1", False), ("0.0.0.0", True), ("::", True), ("box", True)],
)
def test_which_hosts_other_machines_reach(host: str, public: bool) -> None:
    assert server.is_public(host) == public


def test_answers_leave_at_once() -> None:
    """asyncio sets TCP_NODELAY on a connection only where its listener was made as TCP by name."""
    with server._listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_taken_port_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ServerError, match="in use"):
            server._listen("127.0.0.1", taken.getsockname()[1])
        result = invoke("draw", "--no-open", "--port", taken.getsockname()[1])
    assert result.exit_code == 1 and "Hint: `mnistcnn draw --port 0`" in result.stderr


def test_a_browser_is_opened_only_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    server.open_browser("http://127.0.0.1/")
    assert not opened
    monkeypatch.setenv("DISPLAY", ":0")
    server.open_browser("http://127.0.0.1/")
    assert opened == ["http://127.0.0.1/"]
