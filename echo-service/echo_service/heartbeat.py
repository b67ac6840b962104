"""Watches the event loop from a thread, and names what holds it up while it still does.

`watch.py` times the steps of a handler's own coroutine, after the fact. This sees whatever blocks:
a task that a handler started, the source of a sound, a loop without end. Four times a second the
loop shows that it is alive, and the thread looks whether it has; nothing is done for a frame.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from types import FrameType

import uvloop
import websockets

from .logs import event
from .watch import Blockages

__all__ = ["EX_SOFTWARE", "Heartbeat", "place"]

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.25

SILENT_SECONDS = 1.0
"""Without a beat, after which the loop counts as blocked."""

GRACE_SECONDS = 2.0
"""Beyond the drain, for a loop that was told to stop and gives no sign of life."""

EX_SOFTWARE = 70
"""Exit status of a process that a blocked loop kept from stopping (sysexits.h)."""

LINE_SECONDS = 1.0
"""How long it may take to write a line of the log."""


class Heartbeat:
    """The beat, and the thread that listens to it.

    Args:
        blockages: where what blocked the loop is counted.
        drain_seconds: how long a stop may take.

    """

    def __init__(self, blockages: Blockages, drain_seconds: float) -> None:
        self._blockages = blockages
        self._drain_seconds = drain_seconds
        self._thread = threading.Thread(target=self._listen, name="heartbeat", daemon=True)
        self._over = threading.Event()
        # Held for a moment by either side, so that a block and its end are logged in order.
        self._lock = threading.Lock()
        self._beats = 0
        self._where: str | None = None
        self._signals = 0
        self._due = 0.0
        self._counted = (0, 0.0)
        self._loop_thread = 0
        self._timer: asyncio.TimerHandle

    def start(self) -> None:
        """Begin to beat, in the loop that runs now."""
        self._loop_thread = threading.get_ident()
        self._due = monotonic()
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        """Beat no more."""
        self._timer.cancel()
        self._over.set()
        self._thread.join(LINE_SECONDS)

    def told_to_stop(self) -> None:
        """Note a signal that asks the process to stop; called from a signal handler.

        If the loop cannot stop, because something blocks it, the process ends nevertheless: when
        the drain would be over, or soon after a second signal.
        """
        self._signals += 1

    # In the loop

    def _beat(self) -> None:
        with self._lock:
            self._beats += 1
            where, self._where = self._where, None
        now = monotonic()
        if where is not None:
            seconds = now - self._due
            self._count(seconds)
            event(logger, "loop_goes_on", logging.WARNING, seconds=seconds, where=where)
        self._counted = (self._blockages.times, self._blockages.seconds)
        self._due = now + BEAT_SECONDS
        self._timer = asyncio.get_running_loop().call_later(BEAT_SECONDS, self._beat)

    def _count(self, seconds: float) -> None:
        """Count a block, but for what the watch of the handlers has counted of it since."""
        times, before = self._counted
        seen = self._blockages
        if seen.times == times:
            seen.times += 1
        seen.seconds += max(0.0, seconds - (seen.seconds - before))

    # In the thread

    def _listen(self) -> None:
        beats = signals = -1
        silent = ignored = 0.0
        looked = monotonic()
        while not self._over.wait(BEAT_SECONDS):
            now = monotonic()
            # When the whole process was frozen, nobody blocked the loop meanwhile.
            lived = min(now - looked, 2 * BEAT_SECONDS)
            looked = now
            silent = silent + lived if self._beats == beats else 0.0
            ignored = ignored + lived if silent and self._signals == signals else 0.0
            beats, signals = self._beats, self._signals
            if silent >= SILENT_SECONDS:
                self._blocked(beats)
            patience = GRACE_SECONDS + (self._drain_seconds if signals == 1 else 0.0)
            if signals > 0 and ignored > patience:
                self._give_up(ignored)

    def _blocked(self, beats: int) -> None:
        with self._lock:
            frame = sys._current_frames().get(self._loop_thread)
            if self._beats != beats or self._where is not None or frame is None:
                return
            self._where = place(frame)
            self._say(logging.ERROR, "every call waits; put what takes long into call.in_thread")

    def _give_up(self, seconds: float) -> None:
        self._say(
            logging.CRITICAL,
            f"told to stop, the loop did nothing for {seconds:.1f} s: the process ends without it",
        )
        os._exit(EX_SOFTWARE)

    def _say(self, level: int, message: str) -> None:
        fields = {"seconds": monotonic() - self._due, "where": self._where, "message": message}
        # It may be the log that blocks: nobody reads it, and whoever writes to it waits.
        line = threading.Thread(
            target=event, args=(logger, "loop_blocked", level), kwargs=fields, daemon=True
        )
        line.start()
        line.join(LINE_SECONDS)


def place(innermost: FrameType) -> str:
    """Return where a thread is: file, line and function of the innermost frame of the user's code.

    Where there is none, it is that of another library, or else of ours.

    Args:
        innermost: the frame that the thread is in.

    """
    frame = min(_outwards(innermost), key=lambda one: _strangeness(one.f_code.co_filename))
    code = frame.f_code
    return f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _strangeness(file: str) -> int:
    """How unlikely it is that a file's code is to blame: 0 is the user's own."""
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
