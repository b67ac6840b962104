"""Calls and networks controlled step by step by a test, and single calls from a plan.

Public: `call` and `place_call` (a `CallPlan` in, a `CallReport` out); `LiveCall`, `LiveNetwork`,
`LivePerson` for tests, with `Heard` and `CallFailed`.
"""

from phone.calls.live import CallFailed, Heard, LiveCall
from phone.calls.live_network import LiveNetwork, LivePerson
from phone.calls.place import call, place_call

__all__ = [
    "CallFailed",
    "Heard",
    "LiveCall",
    "LiveNetwork",
    "LivePerson",
    "call",
    "place_call",
]
