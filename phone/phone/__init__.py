"""A simulated telephone network: callers, callees, and Vonage between them.

Rooms, top floor first: `commands` (the command line) and `pytest_plugin`; `web` (the softphone);
`calls` (one call, or one controlled by a test), `cassette` (recorded calls), `doctor` (checks from
outside), `load` (many calls); `platform` (Vonage), `plan` (settings of a call), `report` (what
happened); `legs` (sockets, telephones, callers); `audio`; `constants`, `words`. A room imports
only rooms below it. `testing` is an application to call.

Public: `place_call` and `call`, of a `CallPlan` (`PlanError` if it is wrong), give a `CallReport`
with its `SocketReport`s and `Problem`s; `LiveCall`, `LiveNetwork`, `LivePerson`, `Heard` and
`CallFailed` are for tests step by step; `Network`, of a `Registration`, has `Telephone`s that
behave as `Callee`s.

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
