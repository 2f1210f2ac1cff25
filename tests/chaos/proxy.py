"""TCP proxies in front of brokers: they read Kafka's frames, and hold, drop or reset those that a rule catches."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from streamproc.kafka.embedded.config import HOST
from tests.chaos.frames import Request, correlation_of, parse_request
from tests.chaos.rules import Action, Rule, Rules, Side

Observer = Callable[[Request, "bytes | None", float], None]
"""Told of every request (None) and of every response, with time.monotonic() seconds, before any rule. Must be quick."""

_LENGTH: Final = struct.Struct(">i")
_RST: Final = struct.pack("ii", 1, 0)
_LOOK_SECONDS: Final = 0.02


class _Gone(Exception):
    """The connection is to be reset."""


class Proxies:
    """One proxy for each port in `targets`; they listen as soon as they are made, on `ports` in the same order."""

    def __init__(self, count: int) -> None:
        self.rules = Rules()
        self.observers: list[Observer] = []
        self._listening = [socket.create_server((HOST, 0)) for _ in range(count)]
        self.ports = [int(each.getsockname()[1]) for each in self._listening]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all proxies."""
        return ",".join(f"{HOST}:{port}" for port in self.ports)

    def start(self, targets: list[int]) -> None:
        """Pass connections on to these ports."""
        self._thread.start()
        for listening, target in zip(self._listening, targets, strict=True):
            asyncio.run_coroutine_threadsafe(self._listen(listening, target), self._loop).result(10)

    def close(self) -> None:
        """Cut all connections and stop."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
        for each in self._listening:
            each.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    async def _listen(self, listening: socket.socket, target: int) -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._connections.add(task)
            try:
                await _Connection(self, reader, writer).run(target)
            finally:
                self._connections.discard(task)

        await asyncio.start_server(connected, sock=listening)

    async def _end(self) -> None:
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def observe(self, request: Request, response: bytes | None) -> None:
        """Tell the observers."""
        now = time.monotonic()
        for observer in self.observers:
            observer(request, response, now)


class _Connection:
    """One client's connection and ours to the broker."""

    def __init__(self, proxies: Proxies, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxies, self._reader, self._writer = proxies, reader, writer
        self._waiting: dict[int, Request] = {}

    async def run(self, target: int) -> None:
        broker: asyncio.StreamWriter | None = None
        try:
            answers, broker = await asyncio.open_connection(HOST, target)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._requests(self._reader, broker))
                both.create_task(self._responses(answers, self._writer))
        except* (OSError, EOFError, _Gone):
            pass
        finally:
            for writer in (self._writer, broker):
                if writer is not None:
                    _reset(writer)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # When the client closes, what it has sent still goes to the broker: as packets that are on their way do.
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                body = await _frame(reader)
                request = parse_request(body)
                self._proxies.observe(request, None)
                rule = self._proxies.rules.of(request, Side.REQUEST)
                if rule is None or await _passes(rule):
                    self._waiting[request.correlation] = request
                    await _write(writer, body)
        writer.write_eof()

    async def _responses(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            body = await _frame(reader)
            request = self._waiting.pop(correlation_of(body), None)
            if request is not None:
                self._proxies.observe(request, body)
                rule = self._proxies.rules.of(request, Side.RESPONSE)
                if rule is not None and not await _passes(rule):
                    continue
            with contextlib.suppress(ConnectionError):  # nobody hears it; what is still to be sent goes on
                await _write(writer, body)


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(size)


async def _write(writer: asyncio.StreamWriter, body: bytes) -> None:
    writer.write(_LENGTH.pack(len(body)) + body)
    await writer.drain()


async def _passes(rule: Rule) -> bool:
    """Whether a frame that was caught goes on, after it was held."""
    if rule.action is Action.RESET:
        raise _Gone
    if rule.action is Action.DROP:
        return False
    while not rule.is_over:  # noqa: ASYNC110 - it is released from another thread
        await asyncio.sleep(_LOOK_SECONDS)
    return True


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close so that the other end sees an error, not an orderly end: as when a host is lost."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()
