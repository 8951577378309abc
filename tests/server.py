"""A real HTTP server on 127.0.0.1 that serves files, well or badly."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(files: Mapping[str, bytes], fault: str = "") -> Iterator[tuple[str, list[str]]]:
    """The address of a server of `files` and the list of paths it was asked for; `fault` is how it misbehaves."""
    asked: list[str] = []
    closing = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            name = self.path.rpartition("/")[2]
            content = files.get(name)
            if fault.isdigit() or content is None:
                self.send_error(int(fault) if fault.isdigit() else 404)
                return
            with suppress(BrokenPipeError, ConnectionResetError):
                self.misbehave(name, content)

        def misbehave(self, name: str, content: bytes) -> None:
            match fault:
                case "":
                    self.reply(content)
                case "hang":
                    closing.wait(20)
                case "drip":
                    self.head({"Content-Length": str(len(content))})
                    while not closing.wait(0.05):
                        self.wfile.write(b"x")
                case "continue":
                    while not closing.wait(0.05):
                        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                case "header":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
                    while not closing.wait(0.05):
                        self.wfile.write(b"x")
                case "headers":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    while not closing.is_set():
                        self.wfile.write(b"X: x\r\n")
                case "chunk":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    while not closing.wait(0.05):
                        self.wfile.write(b"0")
                case "trailers":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n")
                    while not closing.wait(0.05):
                        self.wfile.write(b"X: x\r\n")
                case "endless":
                    self.head({})
                    while not closing.is_set():
                        self.wfile.write(bytes(1 << 16))
                case "boast":
                    self.head({"Content-Length": str(10**12)})
                    self.wfile.write(content)
                case "truncate":
                    self.reply(content[: len(content) // 2])
                case "close":
                    self.head({"Content-Length": str(len(content))})
                    self.wfile.write(content[: len(content) // 2])
                case "corrupt":
                    self.reply(content[:-20] + bytes(20))
                case "file":
                    self.send_response(302)
                    self.send_header("Location", "file:///etc/passwd")
                    self.end_headers()
                case "circle":
                    self.send_response(302)
                    self.send_header("Location", self.path)
                    self.end_headers()
                    while not closing.is_set():
                        self.wfile.write(bytes(1 << 16))
                case "slow":
                    time.sleep(0.3)
                    self.reply(content)

        def head(self, headers: Mapping[str, str]) -> None:
            self.send_response(200)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()

        def reply(self, content: bytes) -> None:
            self.head({"Content-Length": str(len(content))})
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that closing it waits for every answer
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/mnist/", asked
    finally:
        closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
