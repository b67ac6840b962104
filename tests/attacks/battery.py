"""All attacks, in groups, and their outcome."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from tests.attacks.callers import callers
from tests.attacks.endings import endings
from tests.attacks.floods import floods
from tests.attacks.framing import framing
from tests.attacks.handshakes import crowds, handshakes
from tests.attacks.http import Webhooks
from tests.attacks.operator import Operator, operators
from tests.attacks.target import Attack, Attacks, Socket, Unsafe
from tests.attacks.tickets import refusals, tickets
from tests.attacks.webhooks import webhooks

__all__ = [
    "NAMES",
    "Outcome",
    "attack",
    "attack_operator",
    "attack_socket",
    "attack_webhooks",
]

T = TypeVar("T")

SOCKET_GROUPS = (
    (handshakes, 8),
    (tickets, 8),
    (framing, 8),
    (endings, 8),
    (refusals, 1),
    (floods, 1),
    (crowds, 1),
)
"""Groups, run one after the other, and how many of each run at once: floods must be told apart."""

WEBHOOK_GROUPS = ((webhooks, 1), (callers, 4))
OPERATOR_GROUPS = ((operators, 1),)
NAMES: tuple[str, ...] = (
    *(attack.name for group, _ in SOCKET_GROUPS for attack in group),
    *(attack.name for group, _ in WEBHOOK_GROUPS for attack in group),
    *(attack.name for group, _ in OPERATOR_GROUPS for attack in group),
)


@dataclass(frozen=True)
class Outcome:
    """Outcome of an attack: `unsafe` says what the server did wrong, None if nothing."""

    name: str
    what: str
    good: str
    seen: str
    unsafe: str | None
    seconds: float

    def __str__(self) -> str:
        verdict = f"UNSAFE: {self.unsafe}" if self.unsafe else self.seen
        return f"{self.name} ({self.seconds:.1f} s): {verdict[:400]}"


async def attack_socket(target: Socket, names: Collection[str] = NAMES) -> dict[str, Outcome]:
    """Run the attacks of these names on the socket."""
    return await attack(SOCKET_GROUPS, target, names)


async def attack_webhooks(target: Webhooks, names: Collection[str] = NAMES) -> dict[str, Outcome]:
    """Run the attacks of these names on the webhooks."""
    return await attack(WEBHOOK_GROUPS, target, names)


async def attack_operator(target: Operator, names: Collection[str] = NAMES) -> dict[str, Outcome]:
    """Run the attacks of these names on the operator's port."""
    return await attack(OPERATOR_GROUPS, target, names)


async def attack(
    groups: Iterable[tuple[Attacks[T], int]], target: T, names: Collection[str] | None = None
) -> dict[str, Outcome]:
    """Run groups of attacks on a target, or those of these names; return their outcomes by name."""
    outcomes: list[Outcome] = []
    for group, at_once in groups:
        outcomes += await _all(
            [one for one in group if names is None or one.name in names], target, at_once
        )
    return {outcome.name: outcome for outcome in outcomes}


async def _all(attacks: Iterable[Attack[T]], target: T, at_once: int) -> list[Outcome]:
    turn = asyncio.Semaphore(at_once)

    async def one(attack: Attack[T]) -> Outcome:
        async with turn:
            return await _one(attack, target)

    return await asyncio.gather(*(one(attack) for attack in attacks))


async def _one(attack: Attack[T], target: T) -> Outcome:
    began = time.monotonic()
    seen, unsafe = "", None
    try:
        async with asyncio.timeout(attack.seconds):
            seen = await attack.run(target)
    except Unsafe as error:
        unsafe = str(error)
    except TimeoutError:
        unsafe = f"not over after {attack.seconds:g} s"
    except (OSError, EOFError, ValueError, KeyError, ExceptionGroup) as error:
        unsafe = f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - began
    return Outcome(attack.name, attack.what, attack.good, seen, unsafe, seconds)
