"""Targets of attacks, their limits, and how an attack is defined."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

__all__ = ["GRACE", "SLACK", "Attack", "Attacks", "Limits", "Socket", "Unsafe", "every", "require"]

SLACK = float(os.environ.get("ATTACKS_SLACK", "1"))
"""Factor on every bound in time, for slow or busy machines."""

GRACE = 4.0
"""Seconds by which an end may be late, since the machine may delay anything."""

T = TypeVar("T")
V = TypeVar("V")


class Unsafe(AssertionError):
    """The server did something that it must not. Says what was seen."""


def require(good: bool, seen: str) -> None:
    """Raise `Unsafe` with what was `seen` unless the server was `good`."""
    if not good:
        raise Unsafe(seen)


@dataclass(frozen=True)
class Limits:
    """The limits that the attacked server is set to."""

    handshake_seconds: float
    """How long an opening handshake may take."""
    close_seconds: float
    """How long a peer may take to answer a close."""
    stalled_seconds: float
    """How long the server waits for a peer that does not read."""
    dead_seconds: float
    """How long the server waits for a peer that says nothing at all."""
    message_bytes: int
    """The longest message it takes."""
    request_seconds: float = 5
    """How long a webhook may take to come in."""
    unfinished: tuple[int, ...] = (400, 0)
    """What it answers when a webhook has not come in by then; 0 is to hang up."""
    keeps_alive: bool = False
    """Whether the connection of a refused handshake may be used for another request."""
    unfolds: bool = False
    """Whether it joins a folded header and goes on, as RFC 9112, 5.2 lets a server do."""


@dataclass(frozen=True)
class Socket:
    """The socket under attack.

    Args:
        host: name or address.
        port: of TCP.
        limits: that the server is set to.
        path: of the URL.
        source: the address that attacks come from; None for the system's choice. Well-behaved
            peers always leave it to the system, so that limits per address can tell them apart.
        authorization: makes the `Authorization` header for a new call of this uuid; None where
            the server asks for none.
        memory: bytes that the server's processes hold; None where nobody can see.
        log: all that the server has logged so far; None where nobody can see.

    """

    host: str
    port: int
    limits: Limits
    path: str = "/socket"
    source: str | None = None
    authorization: Callable[[str], str] | None = None
    memory: Callable[[], int] | None = None
    log: Callable[[], str] | None = None

    @classmethod
    def at(cls, url: str, limits: Limits) -> Socket:
        """Take host, port and path from a `ws://` URL."""
        parts = urlsplit(url)
        if not parts.hostname or not parts.port:
            raise ValueError(f"{url!r} has no host or no port")
        return cls(parts.hostname, parts.port, limits, parts.path)


@dataclass(frozen=True)
class Attack(Generic[T]):
    """One hostile peer, or a crowd of one kind.

    Args:
        name: of the attack.
        what: what the peer does.
        good: what a good server does about it.
        seconds: within which it is over, whatever the server does.
        run: does it; returns what was seen, or raises `Unsafe`.

    """

    name: str
    what: str
    good: str
    seconds: float
    run: Callable[[T], Awaitable[str]]


class Attacks(Generic[T]):
    """A group of attacks of one kind of target, filled by decorating coroutine functions."""

    def __init__(self) -> None:
        self._attacks: list[Attack[T]] = []

    def __call__(
        self, good: str, seconds: float = 20.0
    ) -> Callable[[Callable[[T], Awaitable[str]]], Callable[[T], Awaitable[str]]]:
        """Add the decorated function; its name and docstring become the attack's."""

        def add(run: Callable[[T], Awaitable[str]]) -> Callable[[T], Awaitable[str]]:
            name = getattr(run, "__name__", "")
            what = (run.__doc__ or "").strip()
            self._attacks.append(Attack(name, what, good, seconds * SLACK, run))
            return run

        return add

    def __iter__(self) -> Iterator[Attack[T]]:
        return iter(self._attacks)


async def every(
    variants: Iterable[tuple[str, V]], check: Callable[[V], Awaitable[str]], at_once: int = 16
) -> str:
    """Run `check` on each named variant, some at once.

    Returns:
        what was seen, equal sightings counted.

    Raises:
        Unsafe: naming every variant that failed.

    """
    seen: dict[str, int] = {}
    failures: list[str] = []
    turn = asyncio.Semaphore(at_once)

    async def one(name: str, variant: V) -> None:
        async with turn:
            try:
                sight = await check(variant)
                seen[sight] = seen.get(sight, 0) + 1
            except Unsafe as unsafe:
                failures.append(f"{name}: {unsafe}")
            except (OSError, EOFError, ValueError) as error:
                failures.append(f"{name}: {type(error).__name__}: {error}")

    async with asyncio.TaskGroup() as tasks:
        for name, variant in variants:
            tasks.create_task(one(name, variant))
    require(not failures, "; ".join(failures))
    return ", ".join(f"{count} x {sight}" if count > 1 else sight for sight, count in seen.items())
