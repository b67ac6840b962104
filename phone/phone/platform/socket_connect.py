"""A connect to a WebSocket, from its first event to its last."""

import asyncio
from collections.abc import Mapping, Sized
from typing import Any

from phone.legs.dial import DialError
from phone.legs.log import SocketRecord
from phone.legs.socket import SocketLeg
from phone.platform.actions import Connect
from phone.platform.context import CallContext, Progress
from phone.platform.endpoints import WebSocket
from phone.platform.events import LegEvents
from phone.platform.exchange import Reply
from phone.platform.ncco import Ncco
from phone.platform.ncco_source import NccoSource, event_target
from phone.words import printable

__all__ = ["connect_socket"]


async def connect_socket(
    call: CallContext, source: NccoSource, action: Connect, endpoint: WebSocket
) -> Ncco | None:
    """Run the action; what happens ends up in the call's log.

    Args:
        call: whose caller is connected.
        source: reads the replies to events.
        action: the connect.
        endpoint: its only endpoint.

    Returns:
        The NCCO that replaces the rest, when an event's reply held one.
    """
    wanted = call.behaviour.rate
    if wanted is not None and endpoint.rate != wanted:
        seen = f"the NCCO's content-type says {endpoint.rate} Hz, {wanted} was wanted"
        call.problem("ncco", seen, f"set content-type to audio/l16;rate={wanted}")
        return None
    return await _SocketConnect(call, source, action, endpoint).run()


class _SocketConnect:
    def __init__(
        self, call: CallContext, source: NccoSource, action: Connect, endpoint: WebSocket
    ) -> None:
        self._call = call
        self._source = source
        self._action = action
        self._endpoint = endpoint
        self._target = event_target(action)
        self._events = LegEvents(
            action.caller or call.identity.caller,
            endpoint.uri,
            call.identity.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        )
        self._leg = SocketLeg(
            endpoint.uri,
            endpoint.content_type,
            endpoint.rate,
            endpoint.headers,
            faults=call.behaviour.faults,
            assume=call.behaviour.assume,
            strict=call.behaviour.strict,
            on_text=self._note_text,
        )

    async def run(self) -> Ncco | None:
        call = self._call
        self._post(self._events.event("started"))
        self._post(self._events.event("ringing"))
        try:
            handshake = await call.unless_hung_up(self._open())
            if handshake is None:
                return None
            call.log.add("socket", f"{self._endpoint.uri} open after {handshake:.0f} ms")
            self._post(self._events.answered())
            await self._converse()
        except DialError as error:
            call.log.add("socket", f"{error.status}: {error.seen}")
            call.problem("socket", error.seen, error.advice)
            self._record(None)
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
        behaviour, wanted = self._call.behaviour, self._endpoint.authorization
        authorization: str | None = None
        if wanted is not None and wanted.type == "custom":
            authorization = wanted.value
        elif wanted is not None and behaviour.signer is not None:
            payload = b"" if behaviour.assume.handshake_hash == "empty" else None
            authorization = behaviour.signer.authorization(payload)
        elif wanted is not None:
            raise DialError(
                "failed",
                "the NCCO asks for authorization of type vonage, and there is no signature secret",
                "give the application's secret: --signature-secret or VONAGE_SIGNATURE_SECRET",
            )
        within = min(behaviour.handshake_timeout, self._action.timeout)
        return await self._leg.open(within, authorization, behaviour.tls)

    async def _converse(self) -> None:
        call = self._call
        speech = call.caller.speak(self._leg.trace, call.log.played, self._action.limit)
        call.log.add("audio", speech.name)

        def on_frame(count: int) -> None:
            if call.on_progress is not None and isinstance(speech.frames, Sized):
                call.on_progress(Progress(count, len(speech.frames)))

        await self._leg.converse(speech, call.hang_up, on_frame)

    def _conclude(self, handshake: float) -> None:
        trace = self._leg.trace
        code = f"{trace.close_code}" if trace.close_code is not None else "no code"
        how = {"failure": "the phone, which gave up", "fault": "a fault on demand"}
        by = how.get(trace.ended_by, f"the {trace.ended_by}")
        self._call.log.add("socket", f"closed with {code} by {by}")
        self._record(handshake)

    def _record(self, handshake: float | None) -> None:
        record = SocketRecord(self._endpoint.uri, self._leg.trace, handshake, self._call.hung_up)
        self._call.log.record(record)

    def _post(self, event: Mapping[str, Any]) -> asyncio.Future[Reply | None]:
        return self._call.events.post(event, self._target)

    async def _offer(self, event: Mapping[str, Any]) -> Ncco | None:
        """Post an event whose reply may hold an NCCO; only a synchronous connect takes one.

        Whether `disconnected` needs `synchronous` is not published; the careful answer is yes.
        """
        future = self._post(event)
        anyway = event["status"] == "disconnected" and (
            self._call.behaviour.assume.disconnected == "always"
        )
        if self._action.event_type != "synchronous" and not anyway:
            return None
        reply = await self._call.unless_hung_up(future)
        if reply is None and not self._call.hung_up:
            url = self._target.url if self._target else ""
            return await self._source.fallback(event, url)
        return self._source.replacement(reply)

    def _note_text(self, text: str, ours: bool) -> None:
        who = "to" if ours else "from"
        self._call.log.add("message", f"{who} the application: {printable(text, 160)}")
