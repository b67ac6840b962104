"""Shared by the Python peers: their port, the line that announces it, their event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine

import uvloop

__all__ = ["HOST", "announce", "port", "run"]

HOST = "127.0.0.1"


def port() -> int:
    """Return the port to listen on: `PORT`, or 0 for a free one."""
    return int(os.environ.get("PORT") or 0)


def announce(number: int) -> None:
    """Print the address for the bench to read."""
    print(f"listening url=http://{HOST}:{number}", flush=True)


def run(main: Coroutine[None, None, None]) -> None:
    """Run a peer on uvloop, or on asyncio's own loop when `LOOP=asyncio`."""
    if os.environ.get("LOOP") == "asyncio":
        asyncio.run(main)
    else:
        uvloop.run(main)
