"""A connect to a WebSocket, from its first event to its last."""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Any

from phone.actions import Connect
from phone.align import align
from phone.answering import Answering, event_target
from phone.audio import load
from phone.constants import FRAMES_PER_SECOND, frame_bytes
from phone.dial import DialError
from phone.endpoints import WebSocket
from phone.events import Leg as EventLeg
from phone.exchange import Reply
from phone.leg import Leg
from phone.ncco import Ncco
from phone.plan import keys_from
from phone.report import SocketReport
from phone.state import CallState, Progress
from phone.verdict import judge
from phone.words import counted, printable

__all__ = ["connect_socket"]


async def connect_socket(
    state: CallState, answering: Answering, action: Connect, endpoint: WebSocket, keys: str
) -> Ncco | None:
    """Run the action; what goes wrong ends up in the report.

    Args:
        state: the call's.
        answering: reads the replies to events.
        action: the connect.
        endpoint: its only endpoint.
        keys: to press on the way, as in `CallPlan.dtmf`.

    Returns:
        The NCCO that replaces the rest, when an event's reply held one.
    """
    plan = state.plan
    if plan.rate is not None and endpoint.rate != plan.rate:
        seen = f"the NCCO's content-type says {endpoint.rate} Hz, {plan.rate} was wanted"
        state.problem("ncco", seen, f"set content-type to audio/l16;rate={plan.rate}")
        return None
    return await _SocketCall(state, answering, action, endpoint, keys).run()


class _SocketCall:
    def __init__(
        self,
        state: CallState,
        answering: Answering,
        action: Connect,
        endpoint: WebSocket,
        keys: str,
    ) -> None:
        self._state = state
        self._answering = answering
        self._action = action
        self._endpoint = endpoint
        self._keys = keys
        self._target = event_target(action)
        self._events = EventLeg(
            action.caller or state.plan.identity.caller,
            endpoint.uri,
            state.plan.identity.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        )
        self._leg = Leg(
            endpoint.uri,
            endpoint.content_type,
            endpoint.rate,
            endpoint.headers,
            faults=state.plan.faults,
            assume=state.plan.assume,
            strict=state.plan.strict,
            handset=state.plan.handset,
            on_text=self._note_text,
        )

    async def run(self) -> Ncco | None:
        state = self._state
        self._post(self._events.event("started"))
        self._post(self._events.event("ringing"))
        try:
            handshake = await state.unless_hung_up(self._open())
            if handshake is None:
                return None
            state.timeline.add("socket", f"{self._endpoint.uri} open after {handshake:.0f} ms")
            self._post(self._events.answered())
            await self._converse()
        except DialError as error:
            state.timeline.add("socket", f"{error.status}: {error.seen}")
            state.problem("socket", error.seen, error.advice)
            self._report(None)
            return await self._offer(self._events.event(error.status))
        finally:
            await self._leg.close()
        self._conclude(handshake)
        if self._leg.trace.ended_by == "application":
            gone = self._events.disconnected()
            replacement = await self._offer(gone)
            self._post(self._events.completed("user"))
            return replacement
        self._post(self._events.completed("platform"))
        return None

    async def _open(self) -> float:
        plan, wanted = self._state.plan, self._endpoint.authorization
        authorization: str | None = None
        if wanted is not None and wanted.type == "custom":
            authorization = wanted.value
        elif wanted is not None and self._state.signer is not None:
            payload = b"" if plan.assume.handshake_hash == "empty" else None
            authorization = self._state.signer.authorization(payload)
        elif wanted is not None:
            raise DialError(
                "failed",
                "the NCCO asks for authorization of type vonage, and there is no signature secret",
                "give the application's secret: --signature-secret or VONAGE_SIGNATURE_SECRET",
            )
        within = min(plan.handshake_timeout, self._action.timeout)
        return await self._leg.open(within, authorization, plan.tls())

    async def _converse(self) -> None:
        state, plan = self._state, self._state.plan
        rate = self._endpoint.rate
        if plan.handset is not None:
            plan.handset.connect(self._leg.trace, state.report.played)
            state.timeline.add("audio", "what the caller says")
            frames_on_demand = islice(plan.handset.frames(), self._action.limit * FRAMES_PER_SECOND)
            await self._leg.converse(frames_on_demand, hang_up=state.hang_up)
            return
        voice = load(plan.audio, rate)
        frames = voice.frames(min(plan.seconds or voice.seconds, self._action.limit))
        state.timeline.add("audio", f"{counted(len(frames), 'frame')} of {voice.name}")
        talking = len(frames)
        if plan.expect != "echo":
            # Whoever answers hears the line go on: the platform never stops sending.
            frames += [bytes(frame_bytes(rate))] * round(plan.listening * FRAMES_PER_SECOND)

        def on_frame(count: int) -> None:
            if state.on_progress is not None:
                state.on_progress(Progress(count, len(frames)))

        wait = plan.listening if plan.expect == "echo" else 0.0
        keys = keys_from(self._keys, talking / FRAMES_PER_SECOND)
        await self._leg.converse(frames, keys, wait, state.hang_up, on_frame)

    def _conclude(self, handshake: float) -> None:
        state, trace = self._state, self._leg.trace
        report = self._report(handshake)
        code = f"{trace.close_code}" if trace.close_code is not None else "no code"
        how = {"failure": "the phone, which gave up", "fault": "a fault on demand"}
        by = how.get(trace.ended_by, f"the {trace.ended_by}")
        state.timeline.add("socket", f"closed with {code} by {by}")
        for problem in judge(trace, report.alignment, state.plan.expect):
            state.problem(problem.step, problem.seen, problem.advice, problem.severity)

    def _report(self, handshake: float | None) -> SocketReport:
        trace = self._leg.trace
        alignment = align(trace.sent, trace.sent_at, trace.received, trace.received_at, trace.rate)
        if trace.ended_by == "fault" or (trace.ended_by == "caller" and self._state.hung_up):
            # The caller left in mid-sentence: what was still on its way is not lost.
            alignment = alignment.without_tail()
        report = SocketReport(self._endpoint.uri, trace, alignment, handshake)
        self._state.report.sockets.append(report)
        return report

    def _post(self, event: Mapping[str, Any]) -> asyncio.Future[Reply | None]:
        return self._state.post.post(event, self._target)

    async def _offer(self, event: Mapping[str, Any]) -> Ncco | None:
        """Post an event whose reply may hold an NCCO; only a synchronous connect takes one.

        Whether `disconnected` needs `synchronous` is not published; the careful answer is yes.
        """
        future = self._post(event)
        anyway = event["status"] == "disconnected" and (
            self._state.plan.assume.disconnected == "always"
        )
        if self._action.event_type != "synchronous" and not anyway:
            return None
        reply = await self._state.unless_hung_up(future)
        if reply is None and not self._state.hung_up:
            url = self._target.url if self._target else ""
            return await self._answering.fallback(event, url, "event", "Connection closed.")
        return self._answering.replacement(reply)

    def _note_text(self, text: str, ours: bool) -> None:
        who = "to" if ours else "from"
        self._state.timeline.add("message", f"{who} the application: {printable(text, 160)}")
