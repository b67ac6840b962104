"""SIGINT and SIGTERM: what a command does instead of ending at once."""

import asyncio
import signal
from collections.abc import Callable

__all__ = ["on_interrupt"]


def on_interrupt(act: Callable[[], None]) -> None:
    """Call *act* at each SIGINT (Ctrl-C) and SIGTERM, in the running event loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, act)
