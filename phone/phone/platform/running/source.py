"""From a webhook's reply to an NCCO: the answer URL, the fallback URL, replies to events."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from phone.constants import NCCOS_PER_CALL
from phone.legs.log import Problem
from phone.platform.leg import Leg
from phone.platform.ncco.actions import Action
from phone.platform.ncco.document import Ncco, NccoError, parse
from phone.platform.webhooks.client import ANSWER
from phone.platform.webhooks.events import error_event
from phone.platform.webhooks.exchange import Reply, WebhookError
from phone.platform.webhooks.queue import EventTarget
from phone.words import counted, printable

__all__ = ["INVALID", "NO_REPLY", "NccoSource", "event_target", "fallback_fields"]

# The platform's wording, as is every reason in `webhooks`.
INVALID = "Invalid NCCO."
NO_REPLY = "Connection closed."


class NccoSource:
    """Gets a leg its NCCOs.

    Args:
        leg: on which they will run.

    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._call = leg.call
        self._replacements = 0

    async def answer(self, fields: Mapping[str, Any]) -> Ncco | None:
        """Ask the answer URL, then the fallback URL; None when neither has a valid NCCO.

        Args:
            fields: the webhook's.

        """
        call, application = self._call, self._call.application
        ncco, reason, problems = await self._ask(application.answer_url, fields, "answer")
        helped = None
        if ncco is None and application.fallback_url and not self._leg.is_over:
            helped, more = await self._fallback(fields, application.answer_url, "answer", reason)
            if helped is not None and not call.behaviour.strict:
                problems = [problem.as_warning() for problem in problems]
            problems += more
        self._note(problems)
        ncco = ncco or helped
        call.log.actions = ncco.names if ncco else None
        return ncco

    async def fallback(self, event: Mapping[str, Any], url: str) -> Ncco | None:
        """Ask the fallback URL on behalf of an event that got no reply; None without an NCCO.

        Args:
            event: its fields.
            url: where it went.

        """
        if self._call.application.fallback_url is None:
            return None
        ncco, problems = await self._fallback(event, url, "event", NO_REPLY)
        self._note(problems)
        return ncco

    async def fetch(self, url: str, step: Literal["transfer", "onAnswer"]) -> Ncco | None:
        """Ask a URL that a transfer or `onAnswer` names; None when it has no valid NCCO."""
        ncco, _, problems = await self._ask(url, self._leg.answer_fields(), step)
        self._note(problems)
        return ncco

    async def _fallback(
        self, fields: Mapping[str, Any], url: str, kind: Literal["answer", "event"], reason: str
    ) -> tuple[Ncco | None, list[Problem]]:
        """Ask the fallback URL."""
        fallback = self._call.application.fallback_url or ""
        told = fallback_fields(fields, url, kind, reason)
        ncco, _, problems = await self._ask(fallback, told, "fallback")
        return ncco, problems

    def replacement(self, reply: Reply | None) -> Ncco | None:
        """Return the NCCO in the reply to an event; None when there is none, or too many came."""
        call = self._call
        if reply is None or not reply.is_json or not reply.body.lstrip().startswith(b"["):
            return None
        self._replacements += 1
        if self._replacements > NCCOS_PER_CALL:
            seen = f"the application answered events with more than {NCCOS_PER_CALL} NCCOs"
            call.problem("event", seen, "end a call that cannot be helped: answer 204")
            return None
        ncco, problems = self._read(reply)
        self._note(problems)
        return ncco

    async def _ask(
        self, url: str, fields: Mapping[str, Any], step: str
    ) -> tuple[Ncco | None, str, list[Problem]]:
        """Return the NCCO, or why there is none in the platform's words; and what went wrong."""
        call, method = self._call, self._call.application.method
        try:
            reply = await call.webhooks.ask(method, url, fields, ANSWER)
        except WebhookError as error:
            times = f" ({counted(len(error.attempts), 'attempt')})" if error.attempts else ""
            call.log.add(step, f"{method} {url} → {error.seen}")
            return None, error.reason, [Problem(step, error.seen + times, error.advice)]
        again = ", at the second attempt" if len(reply.attempts) > 1 else ""
        took = f"{reply.status} in {reply.milliseconds:.0f} ms{again}"
        call.log.add(step, f"{method} {url} → {took}")
        if not reply.is_json:
            seen = f"the media type is {printable(reply.media_type, 60)!r}"
            advice = "answer with Content-Type: application/json"
            return None, INVALID, [Problem(step, seen, advice)]
        ncco, problems = self._read(reply)
        return ncco, INVALID, problems

    def _read(self, reply: Reply) -> tuple[Ncco | None, list[Problem]]:
        call, advice = self._call, "see Vonage's NCCO reference"
        try:
            ncco = parse(reply.body)
        except NccoError as error:
            for fault in error.faults:
                call.log.add("ncco", f"refused: {fault}")
            reason = f"Syntax error in NCCO. {error.faults[0]}"
            self._leg.post(error_event(reason, self._leg.events.conversation_uuid))
            return None, [Problem("ncco", str(fault), advice) for fault in error.faults]
        call.log.add("ncco", f"valid: {ncco.names}")
        target = next(filter(None, map(event_target, ncco.actions)), None)
        if target is not None:
            call.events.set_default(target)
        return ncco, [Problem("ncco", warning, advice, "warning") for warning in ncco.warnings]

    def _note(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._call.problem(problem.step, problem.seen, problem.advice, problem.severity)


def fallback_fields(
    fields: Mapping[str, Any], url: str, kind: Literal["answer", "event"], reason: str
) -> dict[str, Any]:
    """Return what the fallback URL gets (Webhook reference).

    Args:
        fields: of the webhook that failed.
        url: its URL.
        kind: which it was.
        reason: why it failed, in the platform's words.

    """
    return {**fields, "reason": reason, "original_request": {"url": url, "type": kind}}


def event_target(action: Action) -> EventTarget | None:
    """Return where an action's events go, None when it does not say."""
    urls: list[str] | None = getattr(action, "event_url", None)
    return EventTarget(urls[0], getattr(action, "event_method", "POST")) if urls else None
