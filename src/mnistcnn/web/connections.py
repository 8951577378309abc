"""The drawing page's HTTP connections, which can't shut others out, and a server that ends at the first signal."""

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

MAX_CONNECTIONS = 32  # each may hold an image in memory
MAX_CONNECTIONS_PER_ADDRESS = 16  # a browser opens six
MAX_IDLE_SECONDS = 10.0  # within which a client must send the head of a request, or read more of an answer
BACKLOG = 16  # connections that may wait to be accepted


class Connection(H11Protocol):
    """An HTTP connection that makes room for others.

    It is closed if its client takes too long to send the head of a request or to read the answer. If there are too
    many connections, from its address or in all, the one that has waited longest for a request is closed.
    """

    since = 0.0  # the loop's time at which it began to wait for its client
    _limit: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Register a new connection; close another one if there are too many."""
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
        """Whether the connection still waits for a whole request, as a new one does."""
        return self.cycle is None or self.cycle.response_complete or self.cycle.more_body

    def data_received(self, data: bytes) -> None:
        """Receive a part of a request."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        """Begin to wait until the client reads the answer."""
        super().pause_writing()
        self._begin_waiting()

    def resume_writing(self) -> None:
        """End the wait: the client has read the answer."""
        super().resume_writing()
        self._end_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock of a closed connection."""
        self._end_waiting()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Limit the time for the head of a request; the application limits the time for its body."""
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
    """Close the connection that has waited longest for its client."""
    waiting = [each for each in connections if each.waits and not each.transport.is_closing()]
    min(waiting, key=lambda each: each.since).transport.abort()


class Server(uvicorn.Server):
    """A server that ends at any of `SIGNALS`; uvicorn's own handles only two, and raises them again at its end."""

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
        """Handle a signal: the first one ends the server, the second one doesn't wait for open requests."""
        self.signal = sig
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and call `ready`."""
        asyncio.get_running_loop().set_exception_handler(_report)
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End without messages about the requests that this cuts off."""
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Report exceptions, except `OSError`: a client has gone, or there are no more file descriptors."""
    if not isinstance(context.get("exception"), OSError):
        loop.default_exception_handler(context)
