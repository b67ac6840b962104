"""The battery of hostile peers against the stack, with a well-behaved call beside them.

`ATTACKS_SLACK=3` makes every bound in time three times as long, for slow or crowded machines.
`pytest -s` shows what each attack saw.
"""

from __future__ import annotations

import pytest

from tests.attacks.attacked import Battery
from tests.attacks.battery import NAMES
from tests.attacks.canary import FRAME_SECONDS, P99_MS, WORST_MS
from tests.attacks.observed import check_log
from tests.attacks.operator import TOKEN
from tests.attacks.target import SLACK
from tests.attacks.tickets import SIGNATURE_SECRET, SOCKET_SECRET
from tools.stack import SERVICES, Service

BATTERY_SECONDS = 240
MEMORY_GROWTH = 32 * 2**20
"""Bytes by which a service may have grown after all attacks."""


@pytest.mark.parametrize("attack", NAMES)
def test_attack(battery: Battery, attack: str) -> None:
    """The server withstands each attack."""
    outcome = battery.outcomes[attack]
    print(outcome)
    assert outcome.unsafe is None, f"{outcome.what} A good server {outcome.good}."


def test_canary_loses_nothing(battery: Battery) -> None:
    """The call beside the attacks gets every frame back, in order and byte for byte."""
    print(battery.canary)
    assert battery.canary.ending == "hung up"
    assert battery.canary.sent > 50
    assert (battery.canary.lost, battery.canary.wrong) == (0, 0)


def test_canary_is_not_late(battery: Battery) -> None:
    """No frame of the call beside the attacks is late, beyond the machine's own delays."""
    print(battery.canary, battery.calmest, sep="\n")
    if battery.kind.fair:
        assert battery.calmest.excess_p99 < P99_MS
        assert battery.calmest.excess_worst < WORST_MS


def test_canary_outlives_every_limit(battery: Battery) -> None:
    """Time limits for handshakes and requests do not apply after the handshake."""
    limits = battery.kind.limits
    longest = max(limits.handshake_seconds, limits.request_seconds)
    assert battery.canary.sent * FRAME_SECONDS > 2 * longest
    assert battery.canary.ending == "hung up"


def test_memory(battery: Battery) -> None:
    """Every part of the stack is about as large after the attacks as before."""
    if not battery.after:
        pytest.skip("the stack's processes cannot be seen from here")
    for part, after in battery.after.items():
        grown = after.memory - battery.before[part].memory
        print(f"{part}: {grown / 2**20:+.1f} MiB")
        assert grown <= MEMORY_GROWTH, part


def test_file_descriptors(battery: Battery) -> None:
    """No part of the stack has more files and sockets open after the attacks than before."""
    if not battery.after:
        pytest.skip("the stack's processes cannot be seen from here")
    for part, after in battery.after.items():
        print(f"{part}: {battery.before[part].files} before, {after.files} after")
        assert after.files <= battery.before[part].files, part


@pytest.mark.parametrize("service", SERVICES)
def test_log(battery: Battery, service: Service) -> None:
    """A log holds nothing but the service's own lines: no escapes, no forgeries, no faults."""
    check_log(battery.logs[service], (SOCKET_SECRET, SIGNATURE_SECRET, TOKEN))


def test_stack_lives(battery: Battery) -> None:
    """All processes are still the same ones, and ready for calls."""
    assert all(battery.alive.values())
    assert battery.ready


def test_battery_is_short(battery: Battery) -> None:
    """The battery is over within four minutes, most of them its attacks' own waits."""
    print(f"{battery.seconds:.0f} s")
    assert battery.seconds < BATTERY_SECONDS * SLACK
