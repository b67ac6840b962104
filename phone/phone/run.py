"""One call as it runs: the answer webhook, then the NCCO's actions, then the hang-up."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from phone.actions import Action, Connect, Notify, Talk, Wait, WebSocket
from phone.align import align
from phone.audio import load
from phone.constants import EVENT_TIMEOUT, FRAMES_PER_SECOND, NCCOS_PER_CALL, RETRIED_STATUSES
from phone.events import Leg as EventLeg
from phone.events import error_event
from phone.leg import DialError, Leg
from phone.ncco import Ncco, NccoError, parse, spoken_seconds
from phone.plan import CallPlan, keys_from
from phone.postbox import EventTarget, Postbox
from phone.report import CallReport, Problem, SocketReport
from phone.timeline import Timeline
from phone.verdict import judge
from phone.webhooks import ANSWER, Reply, WebhookError, Webhooks
from phone.words import counted, printable

__all__ = ["Progress", "Run"]

T = TypeVar("T")
FLUSH_SECONDS = (
    2 * EVENT_TIMEOUT
)  # for the events that wait when the call is over: one hopeless URL
HASTY_FLUSH_SECONDS = 3.0  # when the person at the keyboard wants to go


@dataclass(frozen=True)
class Progress:
    """How far the audio of a socket is."""

    frames: int
    of: int


class Run:
    """The state of one call.

    Args:
        plan: what to call and how.
        webhooks: the HTTP client.
        timeline: where moments go.
        report: filled on the way.
        hang_up: set when the caller hangs up early.
        on_progress: told about the audio's progress.
    """

    def __init__(
        self,
        plan: CallPlan,
        webhooks: Webhooks,
        timeline: Timeline,
        report: CallReport,
        hang_up: asyncio.Event,
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._plan = plan
        self._webhooks = webhooks
        self._timeline = timeline
        self._report = report
        self._hang_up = hang_up
        self._on_progress = on_progress
        self._tls: ssl.SSLContext | None = plan.tls()
        default = EventTarget(plan.event_url) if plan.event_url else None
        self._post = Postbox(webhooks, timeline, default)
        identity = plan.identity
        self._phone = EventLeg(
            identity.caller, identity.called, identity.conversation_uuid, "inbound", identity.uuid
        )
        self._nccos = 0

    async def go(self) -> None:
        """Place the call and see it through; what goes wrong ends up in the report."""
        try:
            self._post.post(self._phone.event("started"))
            self._post.post(self._phone.event("ringing"))
            ncco = await self._unless_hung_up(self._answer())
            if ncco is not None:
                self._post.post(self._phone.answered())
                await self._perform(ncco.actions)
                if not self._report.sockets and self._plan.expect != "any":
                    self._problem(
                        "socket",
                        f"the NCCO connected to no WebSocket ({ncco.names})",
                        "add a connect action with a websocket endpoint, or use --expect any",
                    )
            by = "user" if self._hung_up or ncco is not None else "platform"
            self._timeline.add("hangup", "the caller hung up" if by == "user" else "the call ended")
            self._post.post(self._phone.completed("user" if by == "user" else "platform"))
        finally:
            await self._post.close(HASTY_FLUSH_SECONDS if self._hung_up else FLUSH_SECONDS)
            self._report.events = self._post.posted
            self._judge_events()

    @property
    def _hung_up(self) -> bool:
        return self._hang_up.is_set()

    def _problem(self, step: str, seen: str, advice: str, warning: bool = False) -> None:
        severity = "warning" if warning and not self._plan.strict else "failure"
        self._report.problems.append(
            Problem(step, seen, advice, "warning" if severity == "warning" else "failure")
        )

    async def _unless_hung_up(self, work: Awaitable[T]) -> T | None:
        """Return what `work` returns, or None as soon as the caller hangs up."""
        task = asyncio.ensure_future(work)
        over = asyncio.create_task(self._hang_up.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            over.cancel()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(task, over, return_exceptions=True)

    async def _answer(self) -> Ncco | None:
        plan = self._plan
        fields = plan.identity.answer_fields()
        try:
            reply = await self._webhooks.ask(plan.method, plan.answer_url, fields, ANSWER)
        except WebhookError as error:
            times = f" ({counted(len(error.attempts), 'attempt')})" if error.attempts else ""
            self._timeline.add("answer", f"{plan.method} {plan.answer_url} → {error.seen}")
            self._problem("answer", error.seen + times, error.advice)
            return None
        again = ", at the second attempt" if len(reply.attempts) > 1 else ""
        self._timeline.add(
            "answer",
            f"{plan.method} {plan.answer_url} → {reply.status} in {reply.milliseconds:.0f} "
            f"ms{again}",
        )
        if not reply.is_json:
            seen = f"the media type is {printable(reply.media_type, 60)!r}"
            self._problem("answer", seen, "answer with Content-Type: application/json")
            return None
        return self._read(reply)

    def _read(self, reply: Reply) -> Ncco | None:
        try:
            ncco = parse(reply.body)
        except NccoError as error:
            for fault in error.faults:
                self._timeline.add("ncco", f"refused: {fault}")
                self._problem("ncco", str(fault), "see Vonage's NCCO reference")
            reason = f"Syntax error in NCCO. {error.faults[0]}"
            self._post.post(error_event(reason, self._plan.identity.conversation_uuid))
            return None
        self._timeline.add("ncco", f"valid: {ncco.names}")
        for warning in ncco.warnings:
            self._problem("ncco", warning, "see Vonage's NCCO reference", warning=True)
        for action in ncco.actions:
            target = _target(action)
            if target is not None:
                self._post.set_default(target)
                break
        return ncco

    async def _perform(self, actions: Sequence[Action]) -> None:
        """Run actions one after the other; an event's reply may replace those to come."""
        waiting = list(actions)
        while waiting and not self._hung_up:
            action = waiting.pop(0)
            replacement: Ncco | None = None
            match action:
                case Talk():
                    await self._talk(action)
                case Wait():
                    self._timeline.add("wait", f"{action.seconds:g} s")
                    await self._pass_time(action.seconds)
                case Notify():
                    replacement = await self._notify(action)
                case Connect() if isinstance(action.endpoint[0], WebSocket):
                    replacement = await self._connect(action, action.endpoint[0])
                case _:
                    self._skip(action)
            if replacement is not None:
                waiting = list(replacement.actions)

    async def _talk(self, action: Talk) -> None:
        self._timeline.add("talk", f"“{action.words}”")
        self._report.spoken.append(action.words)
        await self._pass_time(spoken_seconds(action.words) * max(1, action.loop))

    async def _pass_time(self, seconds: float) -> None:
        if self._plan.realtime_talk:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._hang_up.wait()

    def _skip(self, action: Action) -> None:
        name: str = action.action
        if isinstance(action, Connect):
            name = f"connect to {action.endpoint[0].type}"
        self._timeline.add("skipped", f"{name}: not simulated")
        seen = f"the action {name} was skipped"
        self._problem("ncco", seen, "try it with a real call", warning=True)

    async def _notify(self, action: Notify) -> Ncco | None:
        target = EventTarget(action.event_url[0], action.event_method)
        identity = self._plan.identity
        event = {
            "payload": action.payload,
            "conversation_uuid": identity.conversation_uuid,
            "timestamp": self._phone.event("")["timestamp"],
        }
        reply = await self._unless_hung_up(self._post.post(event, target))
        return self._replacement(reply)

    async def _connect(self, action: Connect, endpoint: WebSocket) -> Ncco | None:
        plan = self._plan
        if plan.rate is not None and endpoint.rate != plan.rate:
            seen = f"the NCCO's content-type says {endpoint.rate} Hz, {plan.rate} was wanted"
            self._problem("ncco", seen, f"set content-type to audio/l16;rate={plan.rate}")
            return None
        target = _target(action)
        events = EventLeg(
            action.caller or plan.identity.caller,
            endpoint.uri,
            plan.identity.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        )
        self._post.post(events.event("started"), target)
        self._post.post(events.event("ringing"), target)
        leg = Leg(
            endpoint.uri, endpoint.content_type, endpoint.rate, endpoint.headers, self._on_text
        )
        authorization = endpoint.authorization
        try:
            handshake = await self._unless_hung_up(
                leg.dial(
                    min(plan.handshake_timeout, action.timeout),
                    authorization.value if authorization else None,
                    self._tls,
                )
            )
        except DialError as error:
            self._timeline.add("socket", f"{error.status}: {error.seen}")
            self._problem("socket", error.seen, error.advice)
            self._report.sockets.append(
                SocketReport(endpoint.uri, leg.trace, align([], [], [], [], endpoint.rate))
            )
            reply = self._post.post(events.event(error.status), target)
            return await self._reply(action, reply)
        if handshake is None:
            return None
        try:
            self._timeline.add("socket", f"{endpoint.uri} open after {handshake:.0f} ms")
            self._timeline.add("message", f"websocket:connected, {endpoint.content_type}")
            self._post.post(events.answered(), target)
            await self._converse(action, leg)
        finally:
            await leg.hang_up()
        self._conclude(endpoint, leg, handshake)
        if leg.trace.ended_by == "application":
            reply = self._post.post(events.disconnected(), target)
            self._post.post(events.completed("user"), target)
            return await self._reply(action, reply)
        self._post.post(events.completed("platform"), target)
        return None

    def _on_text(self, text: str) -> None:
        self._timeline.add("message", f"from the application: {printable(text, 120)}")

    async def _converse(self, action: Connect, leg: Leg) -> None:
        plan = self._plan
        voice = load(plan.audio, leg.trace.rate)
        seconds = plan.seconds or voice.seconds
        frames = voice.frames(min(seconds, action.limit))
        self._timeline.add("audio", f"{counted(len(frames), 'frame')} of {voice.name}")

        def on_frame(count: int) -> None:
            if self._on_progress is not None:
                self._on_progress(Progress(count, len(frames)))

        wait = plan.wait if plan.expect == "echo" else min(plan.wait, 1.0)
        keys = keys_from(plan.dtmf, len(frames) / FRAMES_PER_SECOND)
        await leg.converse(frames, keys, wait, self._hang_up, on_frame)

    def _conclude(self, endpoint: WebSocket, leg: Leg, handshake: float) -> None:
        trace = leg.trace
        alignment = align(trace.sent, trace.sent_at, trace.received, trace.received_at, trace.rate)
        if self._hung_up and trace.ended_by == "caller":
            # The caller left in mid-sentence: what was still on its way is not lost.
            alignment = alignment.without_tail()
        self._report.sockets.append(SocketReport(endpoint.uri, trace, alignment, handshake))
        code = f"{trace.close_code}" if trace.close_code is not None else "no code"
        self._timeline.add("socket", f"closed with {code} by the {trace.ended_by}")
        for problem in judge(trace, alignment, self._plan.expect):
            self._problem(problem.step, problem.seen, problem.advice, problem.severity == "warning")

    async def _reply(self, action: Connect, future: asyncio.Future[Reply | None]) -> Ncco | None:
        """Return the NCCO in the reply to a socket's failure; only a synchronous connect takes
        one.
        """
        reply = await self._unless_hung_up(future)
        return self._replacement(reply) if action.event_type == "synchronous" else None

    def _replacement(self, reply: Reply | None) -> Ncco | None:
        if reply is None or not reply.is_json or not reply.body.lstrip().startswith(b"["):
            return None
        self._nccos += 1
        if self._nccos > NCCOS_PER_CALL:
            seen = f"the application answered events with more than {NCCOS_PER_CALL} NCCOs"
            self._problem("event", seen, "end a call that cannot be helped: answer 204")
            return None
        return self._read(reply)

    def _judge_events(self) -> None:
        silent: dict[tuple[str, str], list[str]] = {}
        for posted in self._report.events:
            if posted.seen:
                silent.setdefault((posted.seen, posted.url), []).append(posted.status)
        for (seen, url), statuses in silent.items():
            first = next(p for p in self._report.events if p.seen == seen and p.url == url)
            self._problem(
                "event",
                f"{', '.join(statuses)} to {url}: {seen}",
                first.advice,
                # The platform shrugs at a refused event; one that nobody took, or that a gateway
                # answered in the application's place, means a dead application.
                warning=first.reply is not None and first.reply not in RETRIED_STATUSES,
            )


def _target(action: Any) -> EventTarget | None:
    urls = getattr(action, "event_url", None)
    return EventTarget(urls[0], action.event_method) if urls else None
