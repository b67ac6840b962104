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


async def run(settings: Settings) -> None:
    """Serve until a signal, then drain; a second signal aborts the calls that are left."""
    loop = asyncio.get_running_loop()
    service, stop = EchoService(settings), asyncio.Event()
    metrics = MetricsServer(service.metrics, settings.metrics_host, settings.metrics_port)

    def on_signal() -> None:
        if stop.is_set():
            service.abort()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with metrics, service:
        await stop.wait()
        await service.drain()


def main() -> int:
    """Run the service; returns the exit status of the process."""
    try:
        settings = Settings.from_env(os.environ)
        logs.set_up(settings.log_level, settings.log_format)
        uvloop.run(run(settings))
    except SettingsError as error:
        print("echo-service cannot start:", *error.problems, sep="\n  ", file=sys.stderr)
        return os.EX_CONFIG
    except HandlerError as error:
        print(f"echo-service cannot start:\n  AUDIO_HANDLER: {error}", file=sys.stderr)
        return os.EX_CONFIG
    except CannotListen as error:
        print(f"echo-service cannot start:\n  {error}", file=sys.stderr)
        return os.EX_OSERR
    return 0


if __name__ == "__main__":
    sys.exit(main())
