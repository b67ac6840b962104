"""`python -m echo_service` runs the service until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType

import uvloop

from . import logs
from .handlers import HandlerError
from .listening import CannotListen
from .observe import Observatory
from .server import EchoService
from .settings import Settings, SettingsError

EX_CONFIG = 78
"""Exit status of a wrong setting (sysexits.h)."""

EX_OSERR = 71
"""Exit status when the system refuses, for instance the port (sysexits.h)."""


async def run(settings: Settings) -> None:
    """Serve until a signal, then drain; a second signal ends it at once."""
    loop = asyncio.get_running_loop()
    stop, now = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (now if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    service = EchoService(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        _also(number, service.board.heartbeat.told_to_stop)
    observatory = Observatory(service.board, settings.observe_host, settings.observe_port)
    async with observatory, service:
        await stop.wait()
        drain = asyncio.create_task(service.drain())
        impatience = asyncio.create_task(now.wait())
        await asyncio.wait([drain, impatience], return_when=asyncio.FIRST_COMPLETED)
        if now.is_set():
            service.abort()
        for task in (drain, impatience):
            task.cancel()
        await asyncio.gather(drain, impatience, return_exceptions=True)


def _also(number: signal.Signals, told: Callable[[], None]) -> None:
    """Have a signal told at once as well; the loop hears of it only when nothing blocks it.

    The loop reads signals from its wake-up pipe, whatever Python's own handler of them is.
    """
    loops = signal.getsignal(number)

    def handler(seen: int, frame: FrameType | None) -> None:
        told()
        if callable(loops):
            loops(seen, frame)

    signal.signal(number, handler)


def main() -> int:
    """Run the service; the result is the process's exit status."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        print("echo-service cannot start:", *error.problems, sep="\n  ", file=sys.stderr)
        return EX_CONFIG
    logs.set_up(settings.log_level)
    try:
        uvloop.run(run(settings))
    except HandlerError as error:
        print(f"echo-service cannot start:\n  AUDIO_HANDLER: {error}", file=sys.stderr)
        return EX_CONFIG
    except CannotListen as error:
        print(f"echo-service cannot start:\n  {error}", file=sys.stderr)
        return EX_OSERR
    return 0


if __name__ == "__main__":
    sys.exit(main())
