"""HTTP load: requests as fast as the server answers, or at a fixed rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from phone.load import Histogram

__all__ = ["Asked", "at_rate", "flat_out", "one_by_one"]

ANSWER_SECONDS = 10.0
CONNECTIONS = 64


@dataclass(frozen=True)
class Asked:
    """Result of many requests. Times in ms, of those answered with 200."""

    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    answered: int
    failed: int
    first_failure: str | None


class _Line:
    """One connection, kept open as long as the server does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> str | None:
        """Send a request and read the response; return what went wrong, or None."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await self._exchange(request)
        except (OSError, EOFError, TimeoutError) as error:
            self.close()
            return f"{type(error).__name__}: {error}"
        return None if status == b"200" else f"status {status.decode(errors='replace')}"

    async def _exchange(self, request: bytes) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return head.split(b" ", 2)[1]

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class _Count:
    def __init__(self) -> None:
        self.times = Histogram()
        self.failures: list[str] = []

    def note(self, began: float, failure: str | None) -> None:
        if failure is None:
            self.times.add((time.perf_counter() - began) * 1000)
        else:
            self.failures.append(failure)

    def asked(self, seconds: float) -> Asked:
        return Asked(
            per_second=self.times.total / seconds,
            p50_ms=self.times.quantile(0.5) or 0.0,
            p99_ms=self.times.quantile(0.99) or 0.0,
            max_ms=self.times.longest,
            answered=self.times.total,
            failed=len(self.failures),
            first_failure=self.failures[0] if self.failures else None,
        )


async def flat_out(
    port: int, request: Callable[[], bytes], seconds: float, connections: int = 16
) -> Asked:
    """Send requests on this many connections, each as soon as the last one is answered.

    Args:
        port: of the server, on loopback.
        request: makes each request, whole.
        seconds: how long.
        connections: how many at a time.

    """
    count = _Count()
    begin = time.perf_counter()

    async def worker() -> None:
        line = _Line(port)
        while time.perf_counter() < begin + seconds:
            bytes_ = request()
            began = time.perf_counter()
            count.note(began, await line.ask(bytes_))
        line.close()

    await asyncio.gather(*(worker() for _ in range(connections)))
    return count.asked(time.perf_counter() - begin)


async def at_rate(port: int, request: Callable[[], bytes], seconds: float, rate: float) -> Asked:
    """Send requests at a fixed rate, whether or not earlier ones were answered.

    Times count from when a request was due. On 64 connections at most: when all wait, so do the
    requests behind them, and that time counts, too.

    Args:
        port: of the server, on loopback.
        request: makes each request, whole.
        seconds: how long.
        rate: requests a second.

    """
    count = _Count()
    free: asyncio.LifoQueue[_Line] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(_Line(port))
    begin = time.perf_counter()

    async def one(due: float) -> None:
        line = await free.get()
        count.note(due, await line.ask(request()))
        free.put_nowait(line)

    async with asyncio.TaskGroup() as group:
        for number in range(round(seconds * rate)):
            due = begin + number / rate
            await asyncio.sleep(due - time.perf_counter())
            group.create_task(one(due))
    while not free.empty():
        free.get_nowait().close()
    return count.asked(time.perf_counter() - begin)


async def one_by_one(port: int, request: Callable[[], bytes], number: int) -> Asked:
    """Send so many requests on one connection, each once the last one is answered.

    Args:
        port: of the server, on loopback.
        request: makes each request, whole.
        number: of requests.

    """
    count, line = _Count(), _Line(port)
    begin = time.perf_counter()
    for _ in range(number):
        bytes_ = request()
        began = time.perf_counter()
        count.note(began, await line.ask(bytes_))
    line.close()
    return count.asked(time.perf_counter() - begin)
