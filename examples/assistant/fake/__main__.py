"""The fake model as a process: python -m assistant.fake --help"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .journal import Journal
from .manners import ANSWERS, FAULTS, Manner
from .server import serving, url_of
from .voice import available


def main(arguments: Sequence[str]) -> None:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m assistant.fake",
        description="A server of the Realtime protocol that needs no key and no internet.",
        epilog="faults: " + "; ".join(f"{name} {what}" for name, what in FAULTS.items()),
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8765, help="port; 0 takes a free one")
    parser.add_argument("--answer", choices=ANSWERS, default="polite", help="what it says")
    parser.add_argument("--delay", type=float, default=0.3, help="seconds until it answers")
    parser.add_argument("--speed", type=float, default=5.0, help="times faster than real time")
    parser.add_argument("--fault", choices=FAULTS, action="append", default=[], help="see below")
    parser.add_argument("--key", default="", help="the key that a client must have")
    parser.add_argument("--journal", type=Path, help="file for a line of JSON about each session")
    parser.add_argument("--by-call", action="store_true", help="the call's id says the manner")
    given = parser.parse_args(arguments)
    manner = Manner(
        ANSWERS[given.answer], given.delay, given.speed, frozenset(given.fault), given.key
    )
    asyncio.run(_serve(manner, given.host, given.port, given.journal, given.by_call))


async def _serve(manner: Manner, host: str, port: int, journal: Path | None, by_call: bool) -> None:
    def ended(session: Journal) -> None:
        if journal is not None:
            with journal.open("a") as file:
                file.write(session.line() + "\n")

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(manner, host, port, ended, by_call) as server:
        voice = "espeak-ng" if available() else "recorded sentences: espeak-ng is not installed"
        print(f"listening url={url_of(server)} voice={voice!r}", flush=True)
        await stop.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
