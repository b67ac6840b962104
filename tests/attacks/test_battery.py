"""The battery of hostile peers against the stack, with a well-behaved call beside them.

``ATTACKS_SLACK=3`` makes every bound in time three times as long, for slow or crowded machines.
``pytest -s`` shows what each attack saw.
"""

from __future__ import annotations

import pytest

from tests.attacks.attacked import Battery
from tests.attacks.battery import NAMES
from tests.attacks.canary import P99_MS, WORST_MS
from tests.attacks.observed import check_log
from tests.attacks.tickets import SIGNATURE_SECRET, SOCKET_SECRET
from tools.stack import SERVICES, Service

pytestmark = pytest.mark.timeout(300)  # the first case runs the whole battery

BATTERY_SECONDS = 120
MEMORY_GROWTH = 32 * 2**20
"""Bytes that a service may be larger by when all is over."""


@pytest.mark.parametrize("attack", NAMES)
def test_attack(battery: Battery, attack: str) -> None:
    """The server does about each attack what a good server does."""
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
    """No frame of the call beside the attacks is late by more than the canary itself was."""
    print(battery.canary)
    if battery.kind == "processes":
        assert battery.canary.excess_p99 < P99_MS
        assert battery.canary.excess_worst < WORST_MS


@pytest.mark.parametrize("service", SERVICES)
def test_memory(battery: Battery, service: Service) -> None:
    """A service is about as large after the attacks as before."""
    if service not in battery.after:
        pytest.skip("the service's processes cannot be seen from here")
    grown = battery.after[service].memory - battery.before[service].memory
    print(f"{service}: {grown / 2**20:+.1f} MiB")
    assert grown <= MEMORY_GROWTH


@pytest.mark.parametrize("service", SERVICES)
def test_file_descriptors(battery: Battery, service: Service) -> None:
    """A service has no more files and sockets open after the attacks than before."""
    if service not in battery.after:
        pytest.skip("the service's processes cannot be seen from here")
    assert battery.after[service].files <= battery.before[service].files


@pytest.mark.parametrize("service", SERVICES)
def test_log(battery: Battery, service: Service) -> None:
    """A log holds nothing but the service's own lines: no escapes, no forgeries, no faults."""
    check_log(battery.logs[service], (SOCKET_SECRET, SIGNATURE_SECRET))


def test_stack_lives(battery: Battery) -> None:
    """Both services are the processes they were, and ready for calls."""
    assert all(battery.alive.values())
    assert battery.ready


def test_battery_is_short(battery: Battery) -> None:
    """The battery is over within two minutes."""
    print(f"{battery.seconds:.0f} s")
    assert battery.seconds < BATTERY_SECONDS
