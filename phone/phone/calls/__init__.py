"""One call: a `CallPlan` in, a `CallReport` out; and calls and networks that a test leads."""

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
