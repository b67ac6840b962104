"""Monitor of the event loop: how late it is, and which code blocks it.

Four times a second a timer of the loop records how late it fires. A thread watches that timer:
while something blocks the loop, it logs the file, line and function. The steps of audio handlers
are timed as well, so that a handler that blocks for less than a beat is named, too. Nothing here
runs per frame.
"""

from __future__ import annotations

import asyncio
import os
import sys
import sysconfig
import threading
import traceback
import types
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from time import monotonic, perf_counter
from types import FrameType
from typing import Any

import uvloop
import websockets

from .logs import get_logger

__all__ = ["LoopMonitor", "place"]

logger = get_logger(__name__)

BEAT_SECONDS = 0.25

BLOCKED_SECONDS = 1.0  # time without a beat after which the loop counts as blocked
SLOW_STEP_SECONDS = 0.1
"""A step of a handler that takes longer is reported: five frames of every call were late."""

LOG_SECONDS = 1.0  # how long writing a line of the log may take


class LoopMonitor:
    """Measures the lag of the event loop, and counts what blocks it."""

    def __init__(self) -> None:
        self.lag = self.worst_lag = 0.0
        """How late the last beat of the loop was, and the worst one, in seconds."""
        self.blocked_times = 0
        self.blocked_seconds = 0.0
        """How often the loop was blocked since the start, and for how long in all."""
        self._thread = threading.Thread(target=self._watch, name="loop-monitor", daemon=True)
        self._stopped = threading.Event()
        # Held briefly by either side, so that a block and its end are logged in order.
        self._lock = threading.Lock()
        self._beats = 0
        self._due = 0.0
        self._where: str | None = None
        # What was counted at the last beat.
        self._counted = (0, 0.0)
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle

    def start(self) -> None:
        """Start monitoring the loop that runs now."""
        self._loop_thread = threading.get_ident()
        self._due = monotonic()
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Stop monitoring."""
        self._timer.cancel()
        self._stopped.set()
        self._thread.join(LOG_SECONDS)

    @types.coroutine
    def timed(
        self, work: Coroutine[Any, Any, None], slow: Callable[[float, str], None]
    ) -> Generator[Any, Any, None]:
        """Run a coroutine, and time its steps from one wait to the next.

        Args:
            work: the coroutine.
            slow: called after a step that blocked the loop, with its seconds, and with the file
                and line of the wait that the coroutine has reached.

        """
        error: BaseException | None = None
        while True:
            began = perf_counter()
            try:
                waiting = work.send(None) if error is None else work.throw(error)
            except StopIteration:
                return
            finally:
                seconds = perf_counter() - began
                if seconds > SLOW_STEP_SECONDS:
                    self.blocked_times += 1
                    self.blocked_seconds += seconds
                    frame = getattr(work, "cr_frame", None)
                    slow(seconds, f"{_file(frame)}:{frame.f_lineno}" if frame else "its end")
            try:
                yield waiting
                error = None
            except BaseException as thrown:  # cancelling, too, is for the coroutine
                error = thrown

    # In the loop

    def _beat(self) -> None:
        with self._lock:
            self._beats += 1
            where, self._where = self._where, None
        now = monotonic()
        self.lag = max(0.0, now - self._due)
        self.worst_lag = max(self.worst_lag, self.lag)
        if where is not None:
            # Slow steps of handlers may have counted this block already, or a part of it.
            times, seconds = self._counted
            self.blocked_times = max(self.blocked_times, times + 1)
            self.blocked_seconds = max(self.blocked_seconds, seconds + self.lag)
            logger.warning("loop_unblocked", seconds=self.lag, where=where)
        self._counted = self.blocked_times, self.blocked_seconds
        self._due = now + BEAT_SECONDS
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    # In the thread

    def _watch(self) -> None:
        beats = -1
        silent = 0.0
        checked = monotonic()
        while not self._stopped.wait(BEAT_SECONDS):
            now = monotonic()
            # If the whole process was frozen in between, nothing blocked the loop.
            awake = min(now - checked, 2 * BEAT_SECONDS)
            checked = now
            silent = silent + awake if self._beats == beats else 0.0
            beats = self._beats
            if silent >= BLOCKED_SECONDS:
                self._report(beats)

    def _report(self, beats: int) -> None:
        with self._lock:
            frame = sys._current_frames().get(self._loop_thread)
            if self._beats != beats or self._where is not None or frame is None:
                return
            self._where = place(frame)
            # The log itself may block, when its reader has stopped reading: write from a thread.
            line = threading.Thread(
                target=logger.error,
                args=("loop_blocked",),
                kwargs={
                    "seconds": monotonic() - self._due,
                    "where": self._where,
                    "message": "every call waits; move slow work into call.in_thread",
                },
                daemon=True,
            )
            line.start()
            line.join(LOG_SECONDS)


def place(innermost: FrameType) -> str:
    """Return where a thread is: file, line and function of the innermost frame of user code.

    Without user code it is the place in another library, or else in this service.

    Args:
        innermost: the frame that the thread is in.

    """
    frame, line = min(traceback.walk_stack(innermost), key=lambda one: _rank(_file(one[0])))
    return f"{_file(frame)}:{line} {frame.f_code.co_qualname}"


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename


def _rank(file: str) -> int:
    """Return 0 for user code, more for files that are less likely to be at fault."""
    if file.startswith(_LOOP):
        return 3
    if file.startswith(_OURS):
        return 2
    if file.startswith(_LIBRARIES):
        return 1
    # Frozen modules are the interpreter's.
    return 3 if file.startswith(_STANDARD) else 0


def _folder(file: str | None) -> str:
    return f"{Path(file or '/nowhere/x').parent}{os.sep}"


_PATHS = sysconfig.get_paths()
_OURS = _folder(__file__)
_LOOP = (_folder(uvloop.__file__), _folder(websockets.__file__))
_LIBRARIES = tuple(f"{_PATHS[name]}{os.sep}" for name in ("purelib", "platlib"))
_STANDARD = (*(f"{_PATHS[name]}{os.sep}" for name in ("stdlib", "platstdlib")), "<frozen ")
