"""From a webhook's reply to an NCCO: the answer URL, the fallback URL, replies to events."""

from collections.abc import Mapping
from typing import Any, Literal

from phone.actions import Action
from phone.constants import NCCOS_PER_CALL
from phone.events import error_event
from phone.exchange import Reply, WebhookError
from phone.ncco import Ncco, NccoError, parse
from phone.postbox import EventTarget
from phone.state import CallState
from phone.webhooks import ANSWER
from phone.words import counted, printable

__all__ = ["Answering", "event_target"]

INVALID = "Invalid NCCO."  # the platform's wording, as is every reason in `webhooks`


class Answering:
    """Gets the call its NCCOs.

    Args:
        state: the call's.
    """

    def __init__(self, state: CallState) -> None:
        self._state = state
        self._replacements = 0

    async def answer(self) -> Ncco | None:
        """Ask the answer URL, then the fallback URL; None when neither has a valid NCCO."""
        plan = self._state.plan
        fields = plan.identity.answer_fields()
        ncco, reason = await self._ask(plan.answer_url, fields, "answer")
        if ncco is None and plan.fallback_url and not self._state.hung_up:
            return await self.fallback(fields, plan.answer_url, "answer", reason)
        return ncco

    async def fallback(
        self, fields: Mapping[str, Any], url: str, kind: Literal["answer", "event"], reason: str
    ) -> Ncco | None:
        """Ask the fallback URL on behalf of another webhook (Webhook reference).

        Args:
            fields: the other webhook's.
            url: the other webhook's.
            kind: which it was.
            reason: why it gave no NCCO, in the platform's wording.
        """
        if self._state.plan.fallback_url is None:
            return None
        more = {"reason": reason, "original_request": {"url": url, "type": kind}}
        fields = {**fields, **more}
        ncco, _ = await self._ask(self._state.plan.fallback_url, fields, "fallback")
        if ncco is not None:
            self._forgive(kind)
        return ncco

    def replacement(self, reply: Reply | None) -> Ncco | None:
        """Return the NCCO in the reply to an event; None when there is none, or too many came."""
        state = self._state
        if reply is None or not reply.is_json or not reply.body.lstrip().startswith(b"["):
            return None
        self._replacements += 1
        if self._replacements > NCCOS_PER_CALL:
            seen = f"the application answered events with more than {NCCOS_PER_CALL} NCCOs"
            state.problem("event", seen, "end a call that cannot be helped: answer 204")
            return None
        return self._read(reply)

    async def _ask(self, url: str, fields: Mapping[str, Any], step: str) -> tuple[Ncco | None, str]:
        state, method = self._state, self._state.plan.method
        try:
            reply = await state.webhooks.ask(method, url, fields, ANSWER)
        except WebhookError as error:
            times = f" ({counted(len(error.attempts), 'attempt')})" if error.attempts else ""
            state.timeline.add(step, f"{method} {url} → {error.seen}")
            state.problem(step, error.seen + times, error.advice)
            return None, error.reason
        again = ", at the second attempt" if len(reply.attempts) > 1 else ""
        took = f"{reply.status} in {reply.milliseconds:.0f} ms{again}"
        state.timeline.add(step, f"{method} {url} → {took}")
        if not reply.is_json:
            seen = f"the media type is {printable(reply.media_type, 60)!r}"
            state.problem(step, seen, "answer with Content-Type: application/json")
            return None, INVALID
        return self._read(reply), INVALID

    def _read(self, reply: Reply) -> Ncco | None:
        state = self._state
        try:
            ncco = parse(reply.body)
        except NccoError as error:
            for fault in error.faults:
                state.timeline.add("ncco", f"refused: {fault}")
                state.problem("ncco", str(fault), "see Vonage's NCCO reference")
            reason = f"Syntax error in NCCO. {error.faults[0]}"
            state.post.post(error_event(reason, state.plan.identity.conversation_uuid))
            return None
        state.timeline.add("ncco", f"valid: {ncco.names}")
        for warning in ncco.warnings:
            state.problem("ncco", warning, "see Vonage's NCCO reference", "warning")
        target = next(filter(None, map(event_target, ncco.actions)), None)
        if target is not None:
            state.post.set_default(target)
        return ncco

    def _forgive(self, kind: str) -> None:
        """The fallback helped: what the other webhook did wrong is a warning now."""
        problems = self._state.report.problems
        forgiven = {"answer": ("answer", "ncco"), "event": ("event",)}[kind]
        for index, problem in enumerate(problems):
            if problem.step in forgiven and not self._state.plan.strict:
                problems[index] = problem.as_warning()


def event_target(action: Action) -> EventTarget | None:
    """Return where an action's events go, None when it does not say."""
    urls: list[str] | None = getattr(action, "event_url", None)
    return EventTarget(urls[0], getattr(action, "event_method", "POST")) if urls else None
