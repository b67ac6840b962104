"""A simulated telephone network: callers, callees, and Vonage between them.

>>> from phone import CallPlan, place_call
>>> report = place_call(CallPlan("http://localhost:8080/webhooks/answer"))  # doctest: +SKIP
>>> report.ok  # doctest: +SKIP True
"""

from phone.calls import CallFailed, Heard, LiveCall, call, place_call
from phone.plan import CallPlan, PlanError
from phone.report import CallReport, Problem, SocketReport

__all__ = [
    "CallFailed",
    "Heard",
    "LiveCall",
    "CallPlan",
    "CallReport",
    "PlanError",
    "Problem",
    "SocketReport",
    "call",
    "place_call",
]
