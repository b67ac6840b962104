"""A pytest plugin: `vonage_call` calls the application under test, `vonage_network` is a network.

def test_my_bot(vonage_call):
    call = vonage_call("http://localhost:8080/webhooks/answer")
    call.say("hello.wav")
    assert call.heard("greeting.wav")
    assert call.hang_up().ok

def test_my_reminder(vonage_network):
    network = vonage_network(registration=Registration.read(Path("application.json")))
    network.subscribe("447700900789", Callee(say="hello.wav"))
    my_application_places_a_call(network.url)
    assert network.answered("447700900789").heard("reminder.wav")
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phone.legs.plan import CallPlan
from phone.testing.live import LiveCall
from phone.testing.live_network import LiveNetwork

__all__ = ["vonage_call", "vonage_network"]


@pytest.fixture
def vonage_call() -> Iterator[Callable[..., LiveCall]]:
    """Return a function that places a call: the answer URL, then `CallPlan`'s settings by name.

    Calls that the test leaves open are hung up after it.
    """
    calls: list[LiveCall] = []

    def place(answer_url: str, **settings: Any) -> LiveCall:
        live = LiveCall(CallPlan(answer_url, **({"expect": "any"} | settings)))
        calls.append(live)
        return live

    yield place
    for live in calls:
        live.hang_up()


@pytest.fixture
def vonage_network() -> Iterator[Callable[..., LiveNetwork]]:
    """Return a function that starts a simulated network: `Network`'s settings by name.

    Networks are closed after the test, and everybody on them is hung up.
    """
    networks: list[LiveNetwork] = []

    def start(**settings: Any) -> LiveNetwork:
        network = LiveNetwork(**settings)
        networks.append(network)
        return network

    yield start
    for network in networks:
        network.close()
