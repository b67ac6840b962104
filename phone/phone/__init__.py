"""A simulated telephone network: callers, callees, and Vonage between them.

Rooms, top floor first: `commands` (the command line); `testing` (tests of applications), `web` (the
softphone), `cassette` (recorded calls), `doctor` (checks from outside), `load` (many calls);
`platform` (Vonage) and `report` (what happened in a call); `legs` (sockets, telephones, callers,
their plan and log); `audio`; `constants`, `words`. A room imports only rooms below it.

Public: `place_call` and `call`, of a `CallPlan` (`PlanError` if it is wrong), give a `CallReport`
with its `SocketReport`s and `Problem`s; `LiveCall`, `LiveNetwork`, `LivePerson`, `Heard` and
`CallFailed` are for tests step by step; `Network`, of a `Registration`, has `Telephone`s that
behave as `Callee`s.

>>> from phone import CallPlan, place_call
>>> report = place_call(CallPlan("http://localhost:8080/webhooks/answer"))  # doctest: +SKIP
>>> report.ok  # doctest: +SKIP
True
"""

import asyncio
from collections.abc import Callable

import uvloop

from phone.legs.log import Moment
from phone.legs.plan import CallPlan, PlanError
from phone.legs.telephone import Callee, Telephone
from phone.platform.leg import Progress
from phone.platform.network import Network
from phone.platform.place import place
from phone.platform.registration import Registration
from phone.report import CallReport, Problem, SocketReport, conclude
from phone.testing import CallFailed, Heard, LiveCall, LiveNetwork, LivePerson

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


async def call(
    plan: CallPlan,
    *,
    hang_up: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_moment: Callable[[Moment], None] | None = None,
) -> CallReport:
    """Place one call, from the answer webhook to the last event, and report what happened.

    An application that fails does not raise: the report says what happened, and `report.ok` whether
    the call worked. Cancelling closes the socket and posts the last events, within seconds.

    Args:
        plan: what to call and how.
        hang_up: set it to hang up early, as a caller does.
        on_progress: called for each frame sent.
        on_moment: called with each step as it happens.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.

    """
    log = await place(plan, hang_up=hang_up, on_progress=on_progress, on_moment=on_moment)
    return await conclude(plan, log)


def place_call(plan: CallPlan) -> CallReport:
    """Place one call from blocking code; see `call`."""
    return uvloop.run(call(plan))
