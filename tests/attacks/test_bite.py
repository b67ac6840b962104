"""A naive server fails the battery, in the ways listed here: so the attacks work."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.attacks.attacked import with_ticket
from tests.attacks.battery import NAMES, Outcome, attack_operator, attack_socket, attack_webhooks
from tests.attacks.canary import P99_MS, WORST_MS, Report, canary
from tests.attacks.http import Webhooks
from tests.attacks.kinds import ATTACKERS, LIMITS
from tests.attacks.observed import Processes, check_log
from tests.attacks.operator import TOKEN, Operator
from tests.attacks.target import Socket, Unsafe

ROOT = Path(__file__).resolve().parents[2]

PATIENCE = replace(LIMITS, close_seconds=2, dead_seconds=2)
"""It has no such limits: what it does not do within these, it does much later or never."""

FAILS = frozenset(
    {
        # It has no clock for handshakes but a slow one, and takes any path.
        "dribbled_handshakes",
        "silent_connections",
        "malformed_handshakes",
        "http_garbage",
        # It lets everybody in.
        "forged_tickets",
        "odd_authorization",
        "replayed_ticket",
        "ticket_of_another_call",
        "ticket_flood",
        "never_answers_a_close",  # for it never closes
        # It takes too much, too long.
        "frame_sizes",
        "endless_fragments",
        "dead_peer",
        "readers_that_never_read",
        "pings_from_a_peer_that_never_reads",
        # It sends back what it should not, and prints it.
        "text_is_not_echoed",
        "text_flood",
        # The webhooks beside it believe everything.
        "forged_webhooks",
        "unsigned_webhooks",
        "replayed_webhooks",
        "webhook_flood",
        "huge_bodies",
        "wrong_bodies",
        "wrong_requests",
        "poisonous_callers",
        # The operator's interface takes all from everybody.
        "good_operator",  # even a call to nobody
        "operators_without_the_token",
        "calls_from_web_pages",
        "calls_from_forms",
        "rebound_names",
        "huge_operator_bodies",
        "wrong_operator_bodies",
        "operator_flood",
        "dribbled_operator_requests",
    }
)

ATTEMPTS = 3
"""For attacks that it should withstand: on a busy machine it may be late, but not each time."""

FLOODS = frozenset({"ping_flood", "audio_flood", "tiny_frames", "endless_empty_fragments"})
"""Attacks whose cost to the naive server depends on the speed of the machine."""


@dataclass(frozen=True)
class Bitten:
    """Outcome of the battery on the naive server."""

    outcomes: dict[str, Outcome]
    canary: Report
    log: str


@pytest.fixture(scope="module")
def bitten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bitten]:
    """Yield the outcome of all attacks on the naive server."""
    path = tmp_path_factory.mktemp("naive") / "log"
    with path.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.attacks.naive"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        urls = _urls(path)
        socket = replace(
            Socket.at(f"ws://{urls['socket']}/socket", PATIENCE),
            source=ATTACKERS,
            authorization=with_ticket,
            memory=Processes(process.pid).memory,
            log=lambda: path.read_text(errors="replace"),
        )
        webhooks = Webhooks.at(f"http://{urls['webhooks']}/webhooks/answer", LIMITS)
        operator = replace(
            Operator.at(f"http://{urls['operator']}", LIMITS, TOKEN),
            log=lambda: path.read_text(errors="replace"),
        )
        outcomes, report = asyncio.run(_run(socket, webhooks, operator, process.pid))
        yield Bitten(outcomes, report, path.read_text(errors="replace"))
    finally:
        process.kill()
        process.wait()


def _urls(log: Path, within: float = 60.0) -> dict[str, str]:
    deadline = time.monotonic() + within
    while True:
        found = dict(re.findall(r"^(\w+) url=http://([\d.:]+)\n", log.read_text(), re.MULTILINE))
        if len(found) == 3:
            return found
        assert time.monotonic() < deadline, f"the naive server said {log.read_text()!r}"
        time.sleep(0.05)


async def _run(
    socket: Socket, webhooks: Webhooks, operator: Operator, pid: int
) -> tuple[dict[str, Outcome], Report]:
    async with canary(socket, pid) as call:
        outcomes: dict[str, Outcome] = {}
        names = frozenset(NAMES)
        for _ in range(ATTEMPTS):
            outcomes |= (
                await attack_socket(socket, names)
                | await attack_webhooks(webhooks, names)
                | await attack_operator(operator, names)
            )
            names = frozenset(name for name, seen in outcomes.items() if seen.unsafe)
            names -= FAILS | FLOODS
            if not names:
                break
        return outcomes, await call.hang_up()


def test_list_is_of_attacks() -> None:
    """Every name in the list is an attack's."""
    assert set(NAMES) >= FAILS | FLOODS


@pytest.mark.parametrize("attack", sorted(FAILS))
def test_bites(bitten: Bitten, attack: str) -> None:
    """The naive server fails each of the listed attacks."""
    print(bitten.outcomes[attack])
    assert bitten.outcomes[attack].unsafe


def test_fails_nothing_else(bitten: Bitten) -> None:
    """The library handles every other attack correctly by itself."""
    others = [seen for name, seen in bitten.outcomes.items() if name not in FAILS | FLOODS]
    failed = [str(outcome) for outcome in others if outcome.unsafe]
    print(*others, sep="\n")
    assert not failed


def test_memory_bites(bitten: Bitten) -> None:
    """The naive server grows while a peer sends pings and reads nothing."""
    outcome = bitten.outcomes["pings_from_a_peer_that_never_reads"]
    assert "memory grew" in (outcome.unsafe or "")


def test_log_bites(bitten: Bitten) -> None:
    """The naive server's log is full of what peers wrote into it."""
    with pytest.raises(Unsafe, match="as they came"):
        check_log(bitten.log)


def test_canary_bites(bitten: Bitten) -> None:
    """A call on the naive server is late, and gets its text back."""
    print(bitten.canary)
    assert bitten.canary.wrong
    assert bitten.canary.excess_p99 > P99_MS
    assert bitten.canary.excess_worst > WORST_MS
