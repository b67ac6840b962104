"""The stack under attack: how it is set, and what comes of the battery on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from tests.attacks.battery import Outcome, attack_socket, attack_webhooks
from tests.attacks.canary import Report, canary
from tests.attacks.http import API_KEY, APPLICATION, Webhooks
from tests.attacks.observed import Processes, processes_of
from tests.attacks.peer import AUDIO, Peer
from tests.attacks.target import SLACK, Limits, Socket
from tests.attacks.tickets import SIGNATURE_SECRET, SOCKET_SECRET
from tests.attacks.tokens import sign, ticket
from tools.stack import SERVICES, Service, Stack, StackError

__all__ = ["ATTACKERS", "LIMITS", "SETTINGS", "Battery", "Settings", "attack_stack", "with_ticket"]

Settings = Mapping[Service, Mapping[str, str]]

ATTACKERS = "127.0.0.66"
"""Where attacks on a process come from, so that it can tell them from its callers."""

ATTACKERS_NICE = 10

LIMITS = Limits(
    handshake_seconds=2,
    close_seconds=5,
    stalled_seconds=2,
    dead_seconds=4,
    message_bytes=16384,
)
SETTINGS: Settings = {
    "echo-service": {
        "SOCKET_AUTH": "ticket",
        "SOCKET_SECRET": SOCKET_SECRET,
        "HANDSHAKE_SECONDS": f"{LIMITS.handshake_seconds:g}",
        "MAX_HANDSHAKES_PER_ADDRESS": "200",
        "MAX_MESSAGE_BYTES": str(LIMITS.message_bytes),
        "PING_INTERVAL": "1",
        "SILENCE_SECONDS": f"{LIMITS.dead_seconds:g}",
        "SLOW_READER_SECONDS": f"{LIMITS.stalled_seconds:g}",
    },
    "ncco-service": {
        "SOCKET_AUTH": "ticket",
        "SOCKET_SECRET": SOCKET_SECRET,
        "REQUEST_SECONDS": "1",
        "VONAGE_SIGNATURE_SECRET": SIGNATURE_SECRET,
        "VONAGE_API_KEY": API_KEY,
        "VONAGE_APPLICATION_ID": APPLICATION,
    },
}
"""Limits are short where an attack has to wait for them, and the services' own otherwise."""


@dataclass(frozen=True)
class Seen:
    """What a service's processes hold."""

    memory: int
    files: int

    @classmethod
    def of(cls, processes: Processes) -> Seen:
        """Look."""
        return cls(processes.memory(), processes.files())


@dataclass(frozen=True)
class Battery:
    """What came of all attacks on a stack."""

    kind: str
    outcomes: Mapping[str, Outcome]
    canary: Report
    before: Mapping[Service, Seen]
    after: Mapping[Service, Seen]
    logs: Mapping[Service, str]
    alive: Mapping[Service, bool]
    ready: bool
    seconds: float


def with_ticket(call: str) -> str:
    """Return the ``Authorization`` of a good handshake."""
    return f"Bearer {sign(ticket(call), SOCKET_SECRET)}"


def socket_of(stack: Stack, processes: Processes | None) -> Socket:
    """Return the socket of a stack as a target."""
    return replace(
        Socket.at(stack.socket_url, LIMITS),
        source=ATTACKERS if stack.kind == "processes" else None,
        authorization=with_ticket,
        memory=processes.memory if processes else None,
        log=partial(stack.logs, "echo-service"),
    )


def attack_stack(stack: Stack) -> Battery:
    """Run the whole battery on a stack with ``SETTINGS``, and a call beside it.

    It runs in a thread of its own, whose priority is lowered while it attacks.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, _attack(stack)).result()


async def _attack(stack: Stack) -> Battery:
    seen = {name: found for name in SERVICES if (found := processes_of(stack, name))}
    echo = seen.get("echo-service")
    socket = socket_of(stack, echo)
    webhooks = replace(Webhooks.at(stack.answer_url), log=partial(stack.logs, "ncco-service"))
    async with await Peer.on_call(socket) as first:  # what is made once, is made now
        await first.echoes(AUDIO)
    began = time.monotonic()
    async with canary(socket, echo.pid if echo else None) as call:
        _be_nice()
        before = {name: Seen.of(processes) for name, processes in seen.items()}
        outcomes = await attack_socket(socket) | await attack_webhooks(webhooks)
        seconds = time.monotonic() - began
        await _settle(seen, before)
        after = {name: Seen.of(processes) for name, processes in seen.items()}
        report = await call.hang_up()
    return Battery(
        stack.kind,
        outcomes,
        report,
        before,
        after,
        {name: stack.logs(name) for name in SERVICES},
        {name: processes.alive() for name, processes in seen.items()},
        _ready(stack),
        seconds,
    )


def _be_nice() -> None:
    """Lower this thread's priority: a hostile peer does not sit on the server's own processor."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), ATTACKERS_NICE)


def _ready(stack: Stack) -> bool:
    try:
        stack.wait_ready(5 * SLACK)
    except StackError:
        return False
    return True


async def _settle(seen: Mapping[Service, Processes], before: Mapping[Service, Seen]) -> None:
    """Wait until nothing of the attacks is open any more, or for ten seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(10 * SLACK):
            for name, processes in seen.items():
                while processes.files() > before[name].files:  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.1)
