"""The drawing page's web server: it serves three files and reads images, by default for this machine only."""

import asyncio
import ipaddress
import os
import socket
import sys
import webbrowser
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mnistcnn.errors import ExitCode, Interrupted, PictureError, ServerError
from mnistcnn.results import Result
from mnistcnn.system.signals import SIGNALS
from mnistcnn.web.connections import BACKLOG, Connection, Server
from mnistcnn.web.reader import Reader

PAGE = Path(__file__).parent / "page"
FILES = {"/": "index.html", "/draw.css": "draw.css", "/draw.js": "draw.js"}
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MOST_BYTES = 20 << 20  # the limit of an image; a phone's photographs have up to ten megabytes
MOST_SECONDS = 30.0  # within which an image must arrive
MOST_WAITING = 16  # images that may wait for the network
MOST_WAITING_PER_ADDRESS = 8  # a page sends one image after the other, but several pages may share an address
HEADERS = {
    # The page may load nothing from elsewhere and run nothing inline; it may show images that it has made.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def guard(app: ASGIApp, *, public: bool) -> ASGIApp:
    """Make `app` answer only requests to this server's own name, with `HEADERS` on every answer.

    Another site can let its name resolve to this machine (DNS rebinding), but then the Host header has that name. If
    a page of another site sends a form here, its Origin header has that site's name.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        headers = Headers(scope=scope)
        host = headers.get("host", "")
        origin = headers.get("origin")
        known = is_own_name(host, public=public) and (origin is None or origin.partition("//")[2] == host)
        answer = app if known else _failure(403, "This server answers only to its own address.")
        await answer(scope, receive, send_guarded)

    return guarded


def is_own_name(host: str, *, public: bool) -> bool:
    """Whether a Host header names this machine: a loopback address, or if `public` any address or its host name."""
    with suppress(ValueError):
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or (public and name == socket.gethostname().lower()):
            return True
        return ipaddress.ip_address(name).is_loopback or public
    return False


def is_public(host: str) -> bool:
    """Whether other machines can reach a server that listens on `host`, a name or an address."""
    return not is_own_name(f"[{host}]" if ":" in host else host, public=False)


def build_app(reader: Reader, *, public: bool = False) -> ASGIApp:
    """Build the web application: the page, and `POST /read`, which takes an image file and returns a `Drawing`."""
    worker = ThreadPoolExecutor(1)  # one thread suffices: the network uses all cores by itself

    waiting: Counter[str] = Counter()  # waiting images by address

    async def read(request: Request) -> Response:
        content = await _body(request)
        address = request.client.host if request.client else ""
        if waiting.total() >= MOST_WAITING or waiting[address] >= MOST_WAITING_PER_ADDRESS:
            return _failure(503, "Too many pictures are waiting; try again in a moment.")
        waiting[address] += 1
        try:
            drawing = await asyncio.get_running_loop().run_in_executor(worker, reader.read, content)
        except PictureError as error:
            return _failure(422, error.message)
        finally:
            waiting[address] -= 1
        return JSONResponse({**_fields(drawing), "digits": [digit.to_dict() for digit in drawing.digits]})

    async def show(request: Request) -> Response:
        path = PAGE / FILES[request.url.path]
        return Response(path.read_bytes(), media_type=TYPES[path.suffix])

    async def refuse(_request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return _failure(error.status_code, error.detail)
        return _failure(500, "Something went wrong on the server.")

    routes = [*(Route(path, show) for path in FILES), Route("/read", read, methods=["POST"])]
    return guard(Starlette(routes=routes, exception_handlers={HTTPException: refuse, 500: refuse}), public=public)


async def _body(request: Request) -> bytes:
    """Receive the image file. Raises `HTTPException` if it isn't an image, is too large or arrives too slowly."""
    if not request.headers.get("content-type", "").startswith("image/"):
        raise HTTPException(415, "Send a picture with its type, such as image/png, as Content-Type.")
    content = bytearray()
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for part in request.stream():
                content += part
                if len(content) > MOST_BYTES:
                    raise HTTPException(413, f"The picture has more than {MOST_BYTES:,} bytes.")
    except TimeoutError:
        raise HTTPException(408, "The picture took too long to arrive.") from None
    except ClientDisconnect:
        raise HTTPException(400, "The picture did not arrive.") from None  # the client has gone and will not read this
    return bytes(content)


def _fields(result: Result) -> dict[str, Any]:
    """Return the fields of a result, without the copies of `to_dict`: a digit has three thousand numbers."""
    return {field.name: getattr(result, field.name) for field in fields(result)}


def _failure(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": message}, status)


def serve(
    reader: Reader, *, host: str = "127.0.0.1", port: int = 0, ready: Callable[[str], None] = lambda address: None
) -> None:
    """Serve the page until Ctrl-C; port 0 takes a free one. It must run in the main thread.

    `ready` is called with the page's address as soon as it can be opened. Raises `ServerError`, and `Interrupted` for
    any signal except Ctrl-C.
    """
    listener = _listen(host, port)
    reached = _outward_address() if host in ("0.0.0.0", "::") else host  # noqa: S104 - the user chose it
    shown = f"[{reached}]" if ":" in reached else reached
    config = configure(build_app(reader, public=is_public(host)))
    server = Server(config, lambda: ready(f"http://{shown}:{listener.getsockname()[1]}/"))
    with listener:
        server.run(sockets=[listener])
    code = SIGNALS[server.signal] if server.signal is not None else ExitCode.INTERRUPTED
    if code != ExitCode.INTERRUPTED:  # Ctrl-C is the normal end
        raise Interrupted("Interrupted.", exit_code=code)


def configure(app: ASGIApp) -> uvicorn.Config:
    """Return uvicorn's configuration for `app`."""
    return uvicorn.Config(
        app,
        http=Connection,
        log_level="error",  # warnings about malformed requests and refused connections help nobody
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )


def open_browser(address: str) -> None:
    """Open the address in the user's browser if there is a screen."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(address)


def _outward_address() -> str:
    """Return the address at which other machines reach this one, or 127.0.0.1; nothing is sent to find out."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # an address that RFC 5737 reserves for examples
        return str(probe.getsockname()[0])
    return "127.0.0.1"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # asyncio sets TCP_NODELAY only on sockets whose protocol is TCP; without it each answer waits 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            if sys.platform == "win32":  # there, SO_REUSEADDR would let two servers share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        message = f"Port {port} of {host} can't be used: {error.strerror or error}."
        raise ServerError(message, "`mnistcnn draw --port 0` takes a free port.") from error
    return listener
