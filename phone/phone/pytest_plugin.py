"""A pytest plugin: the fixture `vonage_call` calls the application under test.

def test_my_bot(vonage_call):
    call = vonage_call("http://localhost:8080/webhooks/answer")
    call.say("hello.wav")
    assert call.heard("greeting.wav")
    assert call.hang_up().ok
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phone.calls.live import LiveCall
from phone.plan import CallPlan

__all__ = ["vonage_call"]


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
