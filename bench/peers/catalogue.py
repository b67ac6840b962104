"""Catalogue of the echo servers: how each is started, and what it needs."""

from __future__ import annotations

import dataclasses
import importlib.util
import secrets
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

__all__ = [
    "BENCH",
    "LIMIT",
    "OURS",
    "PATHS",
    "PEERS",
    "PLAIN",
    "RECORDINGS",
    "SOCKET_SECRET",
    "SOUND",
    "Peer",
    "installed",
    "named",
]

BENCH = Path(__file__).resolve().parent.parent
NODE = BENCH / "peers" / "node_ws"

LIMIT = "c-epoll"
PLAIN = "websockets"
OURS = "echo-service"

SOCKET_SECRET = secrets.token_hex(32)
SEND_BACK = "bench.peers.send_back:send_back"
RECORDINGS = BENCH / "build" / "recordings"
SOUND = BENCH / "build" / "sound.wav"
"""What is played: the bench writes it."""


@dataclass(frozen=True)
class Peer:
    """One echo server.

    Args:
        name: for the command line and the results.
        label: for the table.
        command: starts it; it takes `PORT` and prints `listening url=http://host:port`.
        environ: variables it gets beside `PORT`.
        missing: says what is not installed, and what to do; None when all is there.
        countable: whether valgrind can count its instructions.
        plays: whether it plays a sound of its own instead of an echo.
        mute: whether its callers send no audio meanwhile.
        authenticates: whether its handshakes need a ticket, signed with `SOCKET_SECRET`.

    """

    name: str
    label: str
    command: tuple[str, ...]
    environ: dict[str, str] = field(default_factory=dict)
    missing: Callable[[], str | None] = lambda: None
    countable: bool = True
    plays: bool = False
    mute: bool = False
    authenticates: bool = False


def _modules(*names: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [name for name in names if importlib.util.find_spec(name) is None]
        return f"{', '.join(absent)} not installed (make -C bench setup)" if absent else None

    return missing


def _program(name: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        return None if (BENCH / "build" / name).exists() else f"{name} is not built (make -C bench)"

    return missing


def _node() -> str | None:
    if shutil.which("node") is None:
        return "node is not on the PATH"
    if not (NODE / "node_modules" / "ws").exists():
        return "ws is not installed (make -C bench setup, which needs npm)"
    return None


def _python(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module)


def _ours(name: str, label: str, **settings: str) -> Peer:
    # Limits that guard a public service would end a measurement: the load comes from one address.
    limits = {"HOST": "127.0.0.1", "SOCKET_AUTH": "none", "METRICS_PORT": "0", "MAX_CALLS": "10000"}
    return Peer(
        name,
        label,
        _python("echo_service"),
        limits | settings,
        _modules("echo_service", "uvloop"),
        plays="PLAY_FILE" in settings,
        authenticates="SOCKET_SECRET" in settings,
    )


PEERS: tuple[Peer, ...] = (
    Peer(
        LIMIT,
        "epoll loop in C (the limit)",
        (str(BENCH / "build" / "epoll_echo"),),
        missing=_program("epoll_echo"),
    ),
    _ours(OURS, "echo-service"),
    Peer(
        "picows",
        "picows, uvloop",
        _python("bench.peers.picows_echo"),
        missing=_modules("picows", "uvloop"),
    ),
    Peer(
        "node-ws",
        "Node ws",
        ("node", str(NODE / "server.js")),
        missing=_node,
        countable=False,  # V8 writes its code at run time: minutes until it listens
    ),
    Peer(
        "aiohttp",
        "aiohttp, uvloop",
        _python("bench.peers.aiohttp_echo"),
        missing=_modules("aiohttp", "uvloop"),
    ),
    Peer(
        "websockets-uvloop",
        "websockets, serve() and async for, uvloop",
        _python("bench.peers.websockets_echo"),
        missing=_modules("websockets", "uvloop"),
    ),
    Peer(
        PLAIN,
        "websockets, serve() and async for, asyncio's loop",
        _python("bench.peers.websockets_echo"),
        {"LOOP": "asyncio"},
        _modules("websockets"),
    ),
    Peer(
        "tornado",
        "Tornado, as in the original guide",
        _python("bench.peers.tornado_echo"),
        {"LOOP": "asyncio"},
        _modules("tornado"),
    ),
)

_PLAY = _ours("play", "a long sound is played", AUDIO_HANDLER="play", PLAY_FILE=str(SOUND))
PATHS: tuple[Peer, ...] = (
    _ours("handler", "its own handler sends each frame back", AUDIO_HANDLER=SEND_BACK),
    _ours("record", "calls are recorded", AUDIO_HANDLER="record", RECORDINGS_DIR=str(RECORDINGS)),
    _PLAY,
    dataclasses.replace(_PLAY, name="play-mute", label="the same, to a silent caller", mute=True),
    _ours("tickets", "tickets are checked", SOCKET_AUTH="ticket", SOCKET_SECRET=SOCKET_SECRET),
)
"""echo-service where it does more than echo: see `bench.paths`."""


def named(name: str) -> Peer:
    """Return the peer with this name.

    Raises:
        KeyError: no peer is called so.

    """
    for peer in (*PEERS, *PATHS):
        if peer.name == name:
            return peer
    raise KeyError(name)


def installed(peers: Iterable[Peer]) -> tuple[list[Peer], dict[str, str]]:
    """Return the peers that can run, and the reasons why the others cannot."""
    reasons = {peer.name: peer.missing() for peer in peers}
    return (
        [peer for peer in peers if reasons[peer.name] is None],
        {name: reason for name, reason in reasons.items() if reason},
    )
