"""One call of a load: the answer webhook, the socket, and the events of both legs."""

import asyncio
import ssl
from time import perf_counter

from phone.actions import Connect, WebSocket
from phone.answering import event_target
from phone.dial import DialError, dial
from phone.events import Leg as EventLeg
from phone.faults import Faults
from phone.identity import Identity
from phone.load.conversation import Conversation
from phone.load.fast import FastConnection
from phone.load.plan import Live, LoadPlan
from phone.load.result import LoadResult
from phone.ncco import NccoError, parse
from phone.postbox import Postbox
from phone.webhooks import ANSWER, WebhookError, Webhooks

__all__ = ["Caller"]

UNSIGNED = (
    "socket: the NCCO asks for authorization of type vonage, and there is no signature secret: "
    "give --signature-secret-file or VONAGE_SIGNATURE_SECRET"
)


class Caller:
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
        webhooks: Webhooks,
        conversation: Conversation,
        result: LoadResult,
        live: Live,
    ) -> None:
        self.opened: list[float] = []
        self._plan = plan
        self._webhooks = webhooks
        self._conversation = conversation
        self._result = result
        self._live = live
        self._signer = plan.call.signer()
        # One for all: to make one takes some 20 ms, in which no frame would leave.
        self._tls = plan.call.tls() or ssl.create_default_context()

    async def place(self, post: Postbox) -> str:
        """Place one call; return why it failed, or nothing."""
        plan, identity = self._plan.call, Identity()
        phone = EventLeg(
            identity.caller, identity.called, identity.conversation_uuid, "inbound", identity.uuid
        )
        self._post(post, phone.event("started"))
        self._post(post, phone.event("ringing"))
        try:
            fields = identity.answer_fields()
            reply = await self._webhooks.ask(plan.method, plan.answer_url, fields, ANSWER)
            self._result.answers.add(reply.milliseconds)
            actions = parse(reply.body).actions if reply.is_json else ()
        except WebhookError as error:
            return f"answer: {error.seen}"
        except NccoError as error:
            return f"ncco: {error}"
        action = next((a for a in actions if isinstance(a, Connect)), None)
        if action is None or not isinstance(action.endpoint[0], WebSocket):
            return "ncco: it connects to no WebSocket"
        target = event_target(action)
        if target is not None:
            post.set_default(target)
        self._post(post, phone.answered())
        failure = await self._connect(action, action.endpoint[0], post, identity)
        self._post(post, phone.completed("user"))
        return failure

    def _post(self, post: Postbox, event: dict[str, object]) -> None:
        if self._plan.events:
            post.post(event)

    async def _connect(
        self, action: Connect, endpoint: WebSocket, post: Postbox, identity: Identity
    ) -> str:
        plan, wanted = self._plan.call, endpoint.authorization
        authorization = wanted.value if wanted else None
        if wanted is not None and wanted.type == "vonage":
            if self._signer is None:
                return UNSIGNED
            authorization = self._signer.authorization(None)
        events = EventLeg(
            identity.caller,
            endpoint.uri,
            identity.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        )
        self._post(post, events.event("started"))
        self._post(post, events.event("ringing"))
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
            self._post(post, events.event(error.status))
            return f"socket: {error.seen}"
        if not isinstance(connection, FastConnection):
            raise TypeError("the dialler made another connection than it was told to")
        self._result.handshakes.add((perf_counter() - begin) * 1000)
        self.opened.append(begin)
        self._live.open += 1
        self._result.most_at_once = max(self._result.most_at_once, self._live.open)
        self._post(post, events.answered())
        try:
            return await self._conversation.hold(connection, endpoint)
        finally:
            self._live.open -= 1
            gone = not connection.is_open and not plan.faults.drop
            await _hang_up(connection, plan.faults)
            if gone:
                self._post(post, events.disconnected())
            self._post(post, events.completed("user" if gone else "platform"))


async def _hang_up(connection: FastConnection, faults: Faults) -> None:
    if faults.late_close:
        await asyncio.sleep(faults.late_close)
    if faults.no_close:
        connection.transport.abort()
    await connection.close()
