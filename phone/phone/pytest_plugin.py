"""A pytest plugin: the fixture `vonage_call` places calls to the application under test."""

from collections.abc import Callable
from typing import Any

import pytest

from phone.call import place_call
from phone.plan import CallPlan
from phone.report import CallReport

__all__ = ["vonage_call"]


@pytest.fixture
def vonage_call() -> Callable[..., CallReport]:
    """Return a function that places one call: the answer URL, then `CallPlan`'s settings by
    name.
    """

    def place(answer_url: str, **settings: Any) -> CallReport:
        return place_call(CallPlan(answer_url, **settings))

    return place
