"""A well-behaved call that runs beside the attacks, in a process of its own.

`python -m tests.attacks.canary` reads one line of JSON from standard input (`url`, `call`,
and `authorization` and `pid` or null), says `on call` when it is, and sends 50 frames a
second until its standard input ends. Then it writes a `Report` as a line of JSON.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import random
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from phone.load import stolen_seconds
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bench.processes import Cores
from tests.attacks.target import SLACK, Socket

__all__ = ["FRAME_SECONDS", "P99_MS", "WORST_MS", "Canary", "Report", "canary"]

P99_MS = 20 * SLACK
WORST_MS = 100 * SLACK
FRAME_SECONDS = 0.020
FRAME_BYTES = 640
PATIENCE = 60.0
LAST_ECHO_SECONDS = 30.0
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Report:
    """Report of the canary. Delays are in ms.

    `lag` is how late the canary itself sent, and `waited` how long the server's process stood
    ready between a frame's sending and its return and got no processor: the machine's doing, not
    the server's. `excess` is what remains of a frame's delay without what it waited, and, between
    its sending and the tick after its return, without the worst lag and without what a hypervisor
    took of the processor it took most of; the server is judged by it.
    """

    sent: int
    lost: int
    wrong: int
    delay_p50: float
    delay_p99: float
    delay_worst: float
    lag_p99: float
    lag_worst: float
    waited_p99: float
    waited_worst: float
    excess_p99: float
    excess_worst: float
    ending: str

    @property
    def badness(self) -> float:
        """How late the server is, relative to the bounds: below 1 it is in time."""
        return max(self.excess_p99 / P99_MS, self.excess_worst / WORST_MS)

    def __str__(self) -> str:
        return (
            f"{self.sent} frames, {self.lost} lost, {self.wrong} wrong; "
            f"echo p50 {self.delay_p50:.1f}, p99 {self.delay_p99:.1f}, worst "
            f"{self.delay_worst:.1f} ms; own lag p99 {self.lag_p99:.1f}, worst "
            f"{self.lag_worst:.1f} ms; the server waited p99 {self.waited_p99:.1f}, worst "
            f"{self.waited_worst:.1f} ms; beyond these p99 {self.excess_p99:.1f}, worst "
            f"{self.excess_worst:.1f} ms; {self.ending}"
        )


class Canary:
    """The canary as the battery sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.report: Report | None = None

    async def hang_up(self) -> Report:
        """End the call and return the report."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        async with asyncio.timeout(PATIENCE):
            line = await self._process.stdout.readline()
        self.report = Report(**json.loads(line))
        return self.report


@contextlib.asynccontextmanager
async def canary(target: Socket, pid: int | None = None) -> AsyncIterator[Canary]:
    """Yield a canary that is on a call with the `target`, whose process is `pid` if it is known."""
    call = "cccccccc-aaaa-4aaa-8aaa-0123456789ab"
    order = {
        "url": f"ws://{target.host}:{target.port}{target.path}",
        "authorization": target.authorization(call) if target.authorization else None,
        "call": call,
        "pid": pid,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.attacks.canary",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            said = await process.stdout.readline()
        assert said == b"on call\n", f"the canary said {said!r}"
        yield Canary(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class _Call:
    def __init__(self, pid: int | None) -> None:
        self.pid = pid
        self.clock = asyncio.get_running_loop().time
        self.noise = random.Random(0)  # noqa: S311 - it only has to be hard to echo by accident
        self.payloads: list[bytes] = []
        self.planned: list[float] = []
        self.sent: list[float] = []
        self.returned: list[float] = []
        self.waited: list[float] = []
        self.stolen: list[list[float]] = []
        linux = sys.platform == "linux"
        self.cores = [[core] for core in Cores().usable] if linux else []
        self.wrong = 0
        self.complete = asyncio.Event()

    async def speak(self, connection: ClientConnection, stop: asyncio.Event) -> None:
        started = self.clock()
        while not stop.is_set():
            due = started + len(self.planned) * FRAME_SECONDS
            if (wait := due - self.clock()) > 0:
                await asyncio.sleep(wait)
            self.complete.clear()
            self.payloads.append(self.noise.randbytes(FRAME_BYTES))
            self.planned.append(due)
            self.waited.append(_waited(self.pid))
            self.stolen.append(self.stolen_so_far())
            self.sent.append(self.clock())
            await connection.send(self.payloads[-1])

    async def listen(self, connection: ClientConnection) -> None:
        async for message in connection:
            if isinstance(message, str):
                self.wrong += 1
                continue
            number = len(self.returned)
            self.returned.append(self.clock())
            if number < len(self.waited):
                self.waited[number] = _waited(self.pid) - self.waited[number]
            if number >= len(self.payloads) or message != self.payloads[number]:
                self.wrong += 1
            if len(self.returned) >= len(self.sent):
                self.complete.set()

    def stolen_so_far(self) -> list[float]:
        return [stolen_seconds(core) for core in self.cores]

    async def all_back(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ECHO_SECONDS):
                await self.complete.wait()

    def report(self, ending: str) -> Report:
        lags = [sent - due for sent, due in zip(self.sent, self.planned, strict=True)]
        delays, excesses = [], []
        stolen = [*self.stolen, self.stolen_so_far()]
        for number, (sent, back) in enumerate(zip(self.sent, self.returned, strict=False)):
            last = number + 1
            while last < len(lags) and self.planned[last] < back:
                last += 1
            delays.append(back - sent)
            taken = [
                after - before for before, after in zip(stolen[number], stolen[last], strict=True)
            ]
            by_machine = max(lags[number : last + 1]) + self.waited[number] + max(taken, default=0)
            excesses.append(max(0.0, back - sent - by_machine))
        waited = self.waited[: len(delays)]
        return Report(
            len(self.sent),
            len(self.sent) - len(self.returned),
            self.wrong,
            _quantile(delays, 0.5),
            _quantile(delays, 0.99),
            _quantile(delays, 1),
            _quantile(lags, 0.99),
            _quantile(lags, 1),
            _quantile(waited, 0.99),
            _quantile(waited, 1),
            _quantile(excesses, 0.99),
            _quantile(excesses, 1),
            ending,
        )


def _waited(pid: int | None) -> float:
    """Return the seconds for which a process was runnable without a processor (Linux)."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _quantile(seconds: list[float], part: float) -> float:
    ordered = sorted(seconds)
    return round(ordered[int(part * (len(ordered) - 1))] * 1000, 2) if ordered else 0.0


async def _run() -> Report:
    loop = asyncio.get_running_loop()
    order = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    headers = {"Authorization": order["authorization"]} if order["authorization"] else {}
    call, stop = _Call(order["pid"]), asyncio.Event()
    ending = "hung up"
    async with connect(
        order["url"], additional_headers=headers, compression=None, ping_interval=None
    ) as connection:
        first = {"content-type": "audio/l16;rate=16000", "uuid": order["call"]}
        await connection.send(json.dumps({"event": "websocket:connected", **first}))
        print("on call", flush=True)
        loop.add_reader(sys.stdin.fileno(), stop.set)
        listening = asyncio.create_task(call.listen(connection))
        try:
            await call.speak(connection, stop)
            await call.all_back()
        except ConnectionClosed as error:
            ending = f"the call ended before its time: {error}"
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return call.report(ending)


if __name__ == "__main__":
    print(json.dumps(dataclasses.asdict(asyncio.run(_run()))), flush=True)
