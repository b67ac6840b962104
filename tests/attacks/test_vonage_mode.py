"""Forged tokens at a socket that asks for Vonage's own, `SOCKET_AUTH=vonage`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from tests.attacks.battery import attack
from tests.attacks.kinds import LIMITS, Settings
from tests.attacks.target import Socket
from tests.attacks.tickets import SIGNATURE_SECRET, vonage_tokens
from tests.attacks.tokens import by_vonage, sign
from tools.processes import ProcessStack

SECRET = {"SOCKET_AUTH": "vonage", "VONAGE_SIGNATURE_SECRET": SIGNATURE_SECRET}
SETTINGS: Settings = {"echo-service": SECRET, "ncco-service": SECRET}


def test_tokens() -> None:
    """A good token of Vonage's is let in, and each forged one is refused with 401."""
    with ProcessStack(SETTINGS) as stack:
        stack.wait_ready()
        target = replace(
            Socket.at(stack.socket_url, LIMITS),
            authorization=lambda _: f"Bearer {sign(by_vonage(), SIGNATURE_SECRET)}",
        )
        outcomes = asyncio.run(attack([(vonage_tokens, 1)], target))
    print(*outcomes.values(), sep="\n")
    assert outcomes
    assert not [str(outcome) for outcome in outcomes.values() if outcome.unsafe]
