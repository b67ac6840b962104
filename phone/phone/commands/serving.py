"""What the commands that serve have in common: their ports, and how they begin and end."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import uvloop

from phone.commands.exit_status import USAGE, WORKED
from phone.commands.interrupts import on_interrupt

__all__ = ["check_ports", "interruption", "run_server"]


def check_ports(*ports: int) -> None:
    """Raise ValueError for a number that is no port."""
    for port in ports:
        if not 0 <= port <= 65535:
            raise ValueError(f"the port is {port}; give 0 to 65535")


def interruption() -> asyncio.Event:
    """Return an event that is set by Ctrl-C and SIGTERM, instead of ending the program at once."""
    over = asyncio.Event()
    on_interrupt(over.set)
    return over


def run_server(
    namespace: argparse.Namespace, make: Callable[[], Coroutine[Any, Any, None] | None]
) -> int:
    """Make a server and run it; return the exit status.

    Args:
        namespace: with the host and the port, which a message names.
        make: makes it; raises ValueError for what is wrong with the command line; None: there is
            nothing to serve.

    """
    try:
        serving = make()
        if serving is not None:
            uvloop.run(serving)
    except ValueError as error:
        print(f"phone: {error}", file=sys.stderr)
        return USAGE
    except OSError as error:
        where = f"{namespace.host}:{namespace.port}"
        number = error.errno or 0  # negative, of a name that cannot be looked up
        seen = os.strerror(number) if number > 0 else error.strerror
        print(f"phone: cannot serve on {where}: {seen}; try --port", file=sys.stderr)
        return USAGE
    return WORKED
