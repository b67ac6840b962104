"""A simulated caller and Vonage platform.

>>> from phone import CallPlan, place_call
>>> report = place_call(CallPlan("http://localhost:8080/webhooks/answer"))  # doctest: +SKIP
>>> report.ok  # doctest: +SKIP True
"""

from phone.call import call, place_call
from phone.live import CallFailed, Heard, LiveCall
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
