"""One call: a `CallPlan` in, a `CallReport` out; at once, or led by a test (`LiveCall`)."""

from phone.calls.live import CallFailed, Heard, LiveCall
from phone.calls.place import call, place_call

__all__ = ["CallFailed", "Heard", "LiveCall", "call", "place_call"]
