"""An absolute clock that wakes the event loop, precise to microseconds where the kernel helps."""

import asyncio
import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable, Iterator

__all__ = ["ticking"]

TFD_TIMER_ABSTIME = 1


class _Period(ctypes.Structure):
    """`struct itimerspec`: the period, and the first time (timerfd_settime(2))."""

    _fields_ = (
        ("period_seconds", ctypes.c_long),
        ("period_nanoseconds", ctypes.c_long),
        ("first_seconds", ctypes.c_long),
        ("first_nanoseconds", ctypes.c_long),
    )


@contextlib.contextmanager
def ticking(first: float, step: float, on_tick: Callable[[], None]) -> Iterator[None]:
    """Call `on_tick` from the running loop at `first` and every `step` seconds after it.

    A loop that was busy calls it once for all the steps that it missed.

    Args:
        first: on `time.perf_counter()`'s clock.
        step: in seconds.
        on_tick: it looks at the time itself.

    """
    loop = asyncio.get_running_loop()
    timer = _timer(first, step)
    if timer is None:
        task = loop.create_task(_tick(first, step, on_tick))
        try:
            yield
        finally:
            task.cancel()
        return

    def ticked() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(timer, 8)
        on_tick()

    loop.add_reader(timer, ticked)
    try:
        yield
    finally:
        loop.remove_reader(timer)
        os.close(timer)


def _timer(first: float, step: float) -> int | None:
    """Return a kernel timer as a file; None where the system has no such timers.

    The loops' own timers count in whole milliseconds. Python has `os.timerfd_create` from 3.13 on.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    timer: int = libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    if timer < 0:
        return None
    times = (*divmod(round(step * 1e9), 10**9), *divmod(round(first * 1e9), 10**9))
    if libc.timerfd_settime(timer, TFD_TIMER_ABSTIME, ctypes.byref(_Period(*times)), None):
        os.close(timer)
        return None
    return timer


async def _tick(first: float, step: float, on_tick: Callable[[], None]) -> None:
    count = 0
    while True:
        await asyncio.sleep(max(0.0, first + count * step - time.perf_counter()))
        count = max(count + 1, int((time.perf_counter() - first) / step))
        on_tick()
