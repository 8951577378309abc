from __future__ import annotations

import http.client
import io
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest
import uvicorn
from PIL import Image
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mnistcnn.system.signals import SIGNALS
from mnistcnn.web import connections, server
from tests.browser import served
from tests.conftest import USUAL_SIGNALS, posix


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(bytes(100_000_000 if scope["path"] == "/large" else 2))(scope, receive, send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server of small answers, in this process."""
    monkeypatch.setattr(connections, "MAX_IDLE_SECONDS", 0.5)
    listener = server._listen("127.0.0.1", 0)
    running = uvicorn.Server(server.configure(application))
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    running.should_exit = True
    thread.join(10)
    listener.close()


def status(port: int) -> int:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/")
        return connection.getresponse().status


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection within some seconds."""
    connection.settimeout(20)
    with suppress(ConnectionResetError):
        while connection.recv(1 << 20):
            pass
    return True


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_a_connection_without_a_request_is_closed_after_a_while(port: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(sent)
        assert is_closed(connection)


def test_a_request_that_comes_by_drips_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection, pytest.raises(OSError):
        for _ in range(200):
            connection.sendall(b"x")
            time.sleep(0.05)


def test_an_answer_that_nobody_takes_is_given_up(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(1.5)
        connection.settimeout(20)
        received = 0
        with suppress(ConnectionResetError):
            while part := connection.recv(1 << 20):
                received += len(part)
        assert received < 100_000_000


def test_many_silent_connections_shut_nobody_out(port: int) -> None:
    with ExitStack() as silent:
        held = [silent.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(64)]
        assert status(port) == 200
        assert is_closed(held[0])


@pytest.mark.skipif(sys.platform != "linux", reason="needs more than one address of its own")
def test_those_of_other_addresses_are_shut_out_neither(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 8)
    with ExitStack() as silent:
        for number in range(12):
            made = socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.0.{2 + number}", 0))
            silent.enter_context(made)
        assert status(port) == 200


Start = Callable[..., tuple[subprocess.Popen[str], int]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts `mnistcnn draw` and gives the process and its port; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> tuple[subprocess.Popen[str], int]:
        command = [sys.executable, "-m", "mnistcnn", "draw", "--port", "0", "--no-open", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="sets another process's limit")
def test_more_connections_than_file_descriptors_are_not_reported(start: Start) -> None:
    import resource

    process, port = start("--quiet")
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (64, 64))
    with ExitStack() as silent:
        for _ in range(300):
            made = silent.enter_context(socket.socket())
            made.setblocking(False)
            made.connect_ex(("127.0.0.1", port))
        time.sleep(1.5)
    assert status(port) == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


@posix
@pytest.mark.parametrize("number", USUAL_SIGNALS)
def test_a_signal_ends_the_server_with_its_code(number: signal.Signals, start: Start) -> None:
    process, _ = start("--quiet")
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    ctrl_c = number == signal.SIGINT
    assert (process.returncode, errors) == (0 if ctrl_c else SIGNALS[number], "" if ctrl_c else "Interrupted.\n")


def test_ctrl_c_with_work_under_way_leaves_no_traceback() -> None:
    large = io.BytesIO()
    Image.new("L", (8000, 8000), 255).save(large, "PNG", compress_level=1)
    with served("--quiet") as address, ExitStack() as waiting:
        port = int(address.rstrip("/").rpartition(":")[2])
        for _ in range(6):
            connection = waiting.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)))
            connection.request("POST", "/read", large.getvalue(), {"Content-Type": "image/png"})
        half = waiting.enter_context(socket.create_connection(("127.0.0.1", port)))
        half.sendall(b"POST /read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\nContent-Length: 9\r\n\r\n")
        time.sleep(0.2)
    # `served` has looked at what the server wrote


@posix
def test_that_anyone_can_use_the_page_is_told(start: Start) -> None:
    process, _ = start("--host", "0.0.0.0")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert "Warning: Anyone who can reach this machine can use the page." in errors
