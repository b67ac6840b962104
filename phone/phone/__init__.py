"""A simulated telephone network: callers, callees, and Vonage between them.

>>> from phone import CallPlan, place_call
>>> report = place_call(CallPlan("http://localhost:8080/webhooks/answer"))  # doctest: +SKIP
>>> report.ok  # doctest: +SKIP
True
"""

from phone.calls import CallFailed, Heard, LiveCall, LiveNetwork, LivePerson, call, place_call
from phone.legs.telephone import Callee, Telephone
from phone.plan import CallPlan, PlanError
from phone.platform.network import Network
from phone.platform.registration import Registration
from phone.report import CallReport, Problem, SocketReport

__all__ = [
    "CallFailed",
    "CallPlan",
    "CallReport",
    "Callee",
    "Heard",
    "LiveCall",
    "LiveNetwork",
    "LivePerson",
    "Network",
    "PlanError",
    "Problem",
    "Registration",
    "SocketReport",
    "Telephone",
    "call",
    "place_call",
]
