"""One call of a load: the answer webhook, the socket, and the events of both legs."""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal

from phone.constants import NCCOS_PER_CALL
from phone.legs.dial import DialError, dial
from phone.legs.faults import Faults
from phone.legs.identity import Identity
from phone.legs.plan import CallPlan
from phone.load.fast import FastConnection
from phone.load.load_leg import Course
from phone.load.load_plan import Live, LoadPlan
from phone.load.result import LoadResult
from phone.load.socket_talk import SocketTalk
from phone.platform.ncco.actions import Action, Connect, Wait, WebSocket
from phone.platform.ncco.document import NccoError, parse
from phone.platform.running.source import INVALID, NO_REPLY, event_target, fallback_fields
from phone.platform.webhooks.client import ANSWER, WebhookClient, WebhookError
from phone.platform.webhooks.events import LegEvents
from phone.platform.webhooks.exchange import Reply
from phone.platform.webhooks.queue import WebhookQueue
from phone.platform.webhooks.signature import Signer
from phone.words import printable

__all__ = ["LoadCaller", "signer_of"]

UNSIGNED = (
    "socket: the NCCO asks for authorization of type vonage, and there is no signature secret: "
    "give --signature-secret-file or VONAGE_SIGNATURE_SECRET"
)


def signer_of(plan: CallPlan) -> Signer | None:
    """Return what signs a plan's webhooks and handshakes; None without a secret."""
    return Signer.of(plan.signature_secret, plan.api_key, plan.application_id)


class LoadCaller:
    """Places calls, any number at once.

    Args:
        plan: what each call does.
        webhooks: asks the application.
        conversation: talks on the sockets.
        result: where the times go.
        live: where the open sockets are counted.

    """

    def __init__(
        self,
        plan: LoadPlan,
        webhooks: WebhookClient,
        conversation: SocketTalk,
        result: LoadResult,
        live: Live,
    ) -> None:
        self.opened: list[float] = []
        self._plan = plan
        self._webhooks = webhooks
        self._conversation = conversation
        self._result = result
        self._live = live
        self._signer = signer_of(plan.call)
        # One for all: to make one takes some 20 ms, in which no frame would leave.
        self._tls = plan.call.tls() or ssl.create_default_context()

    async def place(self, queue: WebhookQueue) -> str:
        """Place one call; return why it failed, or nothing."""
        identity = Identity()
        phone = LegEvents(
            identity.caller, identity.called, identity.conversation_uuid, "inbound", identity.uuid
        )
        self._post(queue, phone.event("started"))
        self._post(queue, phone.event("ringing"))
        actions, failed = await self._answer(identity.answer_fields())
        action = next((a for a in actions if isinstance(a, Connect)), None)
        if action is None or not isinstance(action.endpoint[0], WebSocket):
            return failed or "ncco: it connects to no WebSocket"
        target = event_target(action)
        if target is not None:
            queue.set_default(target)
        self._post(queue, phone.answered())
        failure = await self._converse(action, action.endpoint[0], queue, identity)
        self._post(queue, phone.completed("user"))
        return failure

    async def _answer(self, fields: dict[str, Any]) -> tuple[Sequence[Action], str]:
        """Ask the answer URL, then the fallback URL; return the actions, and what failed."""
        plan = self._plan.call
        try:
            reply = await self._webhooks.ask(plan.method, plan.answer_url, fields, ANSWER)
            self._result.answers.add(reply.milliseconds)
            if reply.is_json:
                return parse(reply.body).actions, ""
            failed = f"answer: the media type is {printable(reply.media_type, 60)!r}"
            reason = INVALID
        except WebhookError as error:
            failed, reason = f"answer: {error.seen}", error.reason
        except NccoError as error:
            failed, reason = f"ncco: {error}", INVALID
        helped = await self._fallback(fields, plan.answer_url, "answer", reason)
        return _actions(helped), failed

    async def _fallback(
        self, fields: Mapping[str, Any], url: str, kind: Literal["answer", "event"], reason: str
    ) -> Reply | None:
        """Ask the fallback URL, if there is one, after another webhook failed."""
        plan = self._plan.call
        if plan.fallback_url is None:
            return None
        told = fallback_fields(fields, url, kind, reason)
        try:
            return await self._webhooks.ask(plan.method, plan.fallback_url, told, ANSWER)
        except WebhookError:
            return None

    def _post(self, queue: WebhookQueue, event: dict[str, object]) -> None:
        if self._plan.events:
            queue.post(event)

    async def _converse(
        self, action: Connect, endpoint: WebSocket, queue: WebhookQueue, identity: Identity
    ) -> str:
        """Talk on one socket, and on those that replies to its events lead to."""
        course = self._conversation.course()
        for _ in range(NCCOS_PER_CALL):
            end = await self._connect(action, endpoint, queue, identity, course)
            if end.event is None or not self._plan.events:
                return end.failure
            reply = await queue.post(end.event)
            if reply is None:
                url = queue.default.url if queue.default else ""
                reply = await self._fallback(end.event, url, "event", NO_REPLY)
            following = _following(reply)
            if end.completed is not None:
                queue.post(end.completed)
            if following is None:
                return end.failure
            action, endpoint, pause = following
            await asyncio.sleep(pause)
        return f"event: more than {NCCOS_PER_CALL} NCCOs in replies to events"

    async def _connect(
        self,
        action: Connect,
        endpoint: WebSocket,
        queue: WebhookQueue,
        identity: Identity,
        course: Course,
    ) -> "_End":
        plan, wanted = self._plan.call, endpoint.authorization
        authorization = wanted.value if wanted else None
        if wanted is not None and wanted.type == "vonage":
            if self._signer is None:
                return _End(UNSIGNED)
            authorization = self._signer.authorization(None)
        events = LegEvents(
            identity.caller,
            endpoint.uri,
            identity.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        )
        self._post(queue, events.event("started"))
        self._post(queue, events.event("ringing"))
        begin = perf_counter()
        try:
            connection = await dial(
                endpoint.uri,
                min(plan.handshake_timeout, action.timeout),
                authorization,
                self._tls,
                factory=FastConnection,
            )
        except DialError as error:
            return _End(f"socket: {error.seen}", events.event(error.status))
        if not isinstance(connection, FastConnection):
            raise TypeError("the dialler made another connection than it was told to")
        self._result.handshakes.add((perf_counter() - begin) * 1000)
        self.opened.append(begin)
        self._live.open += 1
        self._result.most_at_once = max(self._result.most_at_once, self._live.open)
        self._post(queue, events.answered())
        failure, gone = "", False
        try:
            failure = await self._conversation.hold(connection, endpoint, course)
            gone = not connection.is_open and not plan.faults.drop
        finally:
            self._live.open -= 1
            await _hang_up(connection, plan.faults)
            if not gone:
                self._post(queue, events.completed("platform"))
        return (
            _End(failure, events.disconnected(), events.completed("user"))
            if gone
            else _End(failure)
        )


@dataclass(frozen=True)
class _End:
    """How a socket ended: why the call failed; events whose reply may connect it again."""

    failure: str
    event: dict[str, Any] | None = None
    completed: dict[str, Any] | None = None


def _following(reply: Reply | None) -> tuple[Connect, WebSocket, float] | None:
    """Return the socket that a reply connects the call to, and after how many seconds."""
    pause = 0.0
    for action in _actions(reply):
        if isinstance(action, Wait):
            pause += action.seconds
        elif isinstance(action, Connect) and isinstance(action.endpoint[0], WebSocket):
            return action, action.endpoint[0], pause
        else:
            return None
    return None


def _actions(reply: Reply | None) -> Sequence[Action]:
    """Return the actions of the NCCO in a reply; none without a valid one."""
    if reply is None or not reply.is_json or not reply.body.lstrip().startswith(b"["):
        return ()
    try:
        return parse(reply.body).actions
    except NccoError:
        return ()


async def _hang_up(connection: FastConnection, faults: Faults) -> None:
    if faults.late_close:
        await asyncio.sleep(faults.late_close)
    if faults.no_close:
        connection.transport.abort()
    await connection.close()
