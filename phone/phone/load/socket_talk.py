"""Talks on a socket of a load until the echo is complete, or cannot become so."""

import asyncio
import contextlib
from time import perf_counter
from typing import Any

from websockets.exceptions import ConnectionClosed

from phone.audio.files import load as load_audio
from phone.constants import ECHO_QUIET, FRAMES_PER_SECOND, SEND_TIMEOUT
from phone.legs.outgoing import first_message
from phone.legs.plan import CallPlan
from phone.load.fast import FastConnection, masked
from phone.load.load_leg import Course, LoadLeg, Sound
from phone.load.result import LoadResult
from phone.load.wheel import Wheel
from phone.platform.ncco.actions import WebSocket

__all__ = ["SocketTalk"]

PATIENCE = 2  # times a call's length that a machine which is too slow may take to send it
QUIET_STEPS = 10
FOREVER = 1e9  # s
TOO_SLOW = "phone: this machine was too slow to send every frame in time"


class SocketTalk:
    """Talks on any number of sockets.

    Args:
        plan: what each call does.
        wheel: their clock.
        result: where the counts go.
        stop: set when all hang up.

    """

    def __init__(
        self, plan: CallPlan, wheel: Wheel, result: LoadResult, stop: asyncio.Event
    ) -> None:
        self._plan = plan
        self._wheel = wheel
        self._result = result
        self._stop = stop
        self._sounds: dict[int, Sound] = {}

    def course(self) -> Course:
        """Return the course of a call that begins."""
        return Course(round((self._plan.seconds or 10.0) * FRAMES_PER_SECOND))

    async def hold(self, connection: FastConnection, endpoint: WebSocket, course: Course) -> str:
        """Talk on one socket of a call; return why it failed, or nothing."""
        seconds = (course.count - course.sent) / FRAMES_PER_SECOND
        leg = LoadLeg(connection, self._sound(endpoint.rate), course, self._result, self._wheel)
        over = asyncio.create_task(connection.wait_closed())
        waits = [asyncio.create_task(leg.done.wait()), asyncio.create_task(self._stop.wait()), over]
        faults = self._plan.faults
        dropping = asyncio.create_task(asyncio.sleep(faults.drop or FOREVER))
        drain = asyncio.create_task(_drain(connection))
        try:
            first = first_message(endpoint.content_type, endpoint.headers, faults)
            async with asyncio.timeout(SEND_TIMEOUT):
                await connection.send(first)
            leg.start()
            await _wait([*waits, dropping], leg, seconds)
            if dropping.done():
                connection.transport.abort()
                return ""
            if over.done() and not leg.done.is_set():
                return f"socket: the application closed it with {connection.close_code}"
            if leg.failure:
                return leg.failure
            if leg.done.is_set() or self._stop.is_set():
                return ""
            return "echo: not every frame came back" if leg.all_sent else TOO_SLOW
        except (TimeoutError, ConnectionClosed):
            return "socket: the application closed it at once"
        finally:
            gone = over.done() and not leg.done.is_set()
            leg.done.set()
            forgive = self._stop.is_set() or dropping.done() or not (leg.all_sent or gone)
            leg.close(forgive, gone)
            tasks = (*waits, dropping, drain)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _sound(self, rate: int) -> Sound:
        if rate not in self._sounds:
            frames = load_audio(self._plan.audio, rate).frames()
            self._sounds[rate] = Sound(frames, [masked(frame) for frame in frames])
        return self._sounds[rate]


async def _wait(waits: list[asyncio.Task[Any]], leg: LoadLeg, seconds: float) -> None:
    """Wait until a leg's echo is complete, its connection is closed, or time runs out."""
    latest = perf_counter() + PATIENCE * seconds + ECHO_QUIET
    while (left := latest - perf_counter()) > 0:
        if leg.all_sent:
            # In steps: a machine that freezes is not an application that is silent.
            for _ in range(QUIET_STEPS):
                if await _first_of(waits, ECHO_QUIET / QUIET_STEPS):
                    return
            return
        if await _first_of(waits, min(left, seconds)):
            return


async def _first_of(waits: list[asyncio.Task[Any]], seconds: float) -> bool:
    """Return whether one of the tasks is done within some seconds."""
    done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


async def _drain(connection: FastConnection) -> None:
    """Discard texts, so that the connection never stops reading."""
    with contextlib.suppress(ConnectionClosed, UnicodeDecodeError):
        while True:
            await connection.recv()
