"""The server below the drawing page: connections that can't shut others out, and an end at the first signal."""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mnistcnn.system.signals import SIGNALS

MAX_CONNECTIONS = 32  # each may hold a picture
MAX_CONNECTIONS_PER_ADDRESS = 16  # browsers open six
MAX_IDLE_SECONDS = 10.0  # for a request to come, or an answer to be taken further
BACKLOG = 16  # connections that wait to be accepted, and are accepted at once


class Connection(H11Protocol):
    """An HTTP connection that gives way.

    It is closed where the first lines of a request take too long to come, or its answer to be taken. Where there are
    too many connections, from its address or in all, the one that has waited longest for the rest of its request is
    closed.
    """

    since = 0.0  # the loop's time at which it began to wait for its client
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for it."""
        super().connection_made(transport)
        self._watch()
        others = [other for other in self.connections if isinstance(other, Connection)]
        neighbours = [other for other in others if other.address == self.address]
        if len(neighbours) > MAX_CONNECTIONS_PER_ADDRESS:
            _close_one(neighbours)
        elif len(others) > MAX_CONNECTIONS:
            _close_one(others)

    @property
    def address(self) -> str:
        """The client's address, without its port."""
        return self.client[0] if self.client else ""

    @property
    def waits(self) -> bool:
        """Whether a whole request isn't there yet; that of a new connection isn't."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Wait for the client to take what has been answered."""
        super().pause_writing()
        self._begin_waiting()

    def resume_writing(self) -> None:
        """It has been taken."""
        super().resume_writing()
        self._end_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end_waiting()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Limit the time until the first lines of a request are there; for a picture the application has a limit."""
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_waiting()
        elif self._limit is None:
            self._begin_waiting()

    def _begin_waiting(self) -> None:
        self._end_waiting()
        if not self.transport.is_closing():
            self.since = self.loop.time()
            self._limit = self.loop.call_later(MAX_IDLE_SECONDS, self.transport.abort)

    def _end_waiting(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None


def _close_one(connections: list[Connection]) -> None:
    """Close the one that has waited longest for its client."""
    waiting = [each for each in connections if each.waits and not each.transport.is_closing()]
    min(waiting, key=lambda each: each.since).transport.abort()


class Server(uvicorn.Server):
    """Ends at any of `SIGNALS`; its parent knows two of them, and raises them once more when it has ended."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.signal: int | None = None
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Receive the signals that aren't ignored while the server runs."""
        before = {number: signal.getsignal(number) for number in SIGNALS}
        heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
        try:
            for number in heard:
                signal.signal(number, self.handle_exit)
            yield
        finally:
            for number in heard:
                signal.signal(number, before[number])

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The signal handler: the second one ends the server without waiting for anything."""
        self.signal = sig
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        asyncio.get_running_loop().set_exception_handler(_report)
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; a request that is cut off by that isn't worth a message."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report bugs, but not that a client has gone or that there are no more file descriptors."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)
