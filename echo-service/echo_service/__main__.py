"""`python -m echo_service` runs the service until SIGTERM or SIGINT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import uvloop

from . import logs
from .handlers import HandlerError
from .server.listening import CannotListen
from .server.metrics_server import MetricsServer
from .service import EchoService
from .settings import Settings, SettingsError

EX_CONFIG = 78
"""Exit status after a wrong setting (sysexits.h)."""

EX_OSERR = 71
"""Exit status after an error of the operating system, such as a port in use (sysexits.h)."""


async def run(settings: Settings) -> None:
    """Serve until a signal, then drain; a second signal ends the drain at once."""
    loop = asyncio.get_running_loop()
    stop, abort = asyncio.Event(), asyncio.Event()

    def on_signal() -> None:
        (abort if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    service = EchoService(settings)
    metrics = MetricsServer(service.metrics, settings.metrics_host, settings.metrics_port)
    async with metrics, service:
        await stop.wait()
        drain = asyncio.create_task(service.drain())
        aborted = asyncio.create_task(abort.wait())
        await asyncio.wait([drain, aborted], return_when=asyncio.FIRST_COMPLETED)
        if abort.is_set():
            service.abort()
        for task in (drain, aborted):
            task.cancel()
        await asyncio.gather(drain, aborted, return_exceptions=True)


def main() -> int:
    """Run the service; returns the exit status of the process."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        print("echo-service cannot start:", *error.problems, sep="\n  ", file=sys.stderr)
        return EX_CONFIG
    logs.set_up(settings.log_level, settings.log_format)
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
