"""A connect to a WebSocket, from its first event to its last."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from phone.legs.callers import Caller, Speech
from phone.legs.dial import DialError
from phone.legs.log import SocketRecord
from phone.legs.socket import SocketLeg
from phone.legs.trace import ENDED_BY
from phone.legs.urls import is_local
from phone.platform.leg import CallContext, Leg, Progress
from phone.platform.ncco.actions import Connect
from phone.platform.ncco.document import Ncco
from phone.platform.ncco.endpoints import WebSocket
from phone.platform.running.offer import offer
from phone.platform.running.source import NccoSource, event_target
from phone.platform.waiting import first_of
from phone.platform.webhooks.client import PUBLIC
from phone.platform.webhooks.events import LegEvents
from phone.words import printable

__all__ = ["connect_socket", "open_socket", "socket_of", "tell_late"]


async def connect_socket(
    leg: Leg, source: NccoSource, action: Connect, endpoint: WebSocket
) -> Ncco | None:
    """Run the action; what happens ends up in the call's log.

    Args:
        leg: whose party is connected.
        source: reads the replies to events.
        action: the connect.
        endpoint: its only endpoint.

    Returns:
        The NCCO that replaces the rest, when an event's reply held one.

    """
    call, wanted = leg.call, leg.call.behaviour.rate
    if wanted is not None and endpoint.rate != wanted:
        seen = f"the NCCO's content-type says {endpoint.rate} Hz, {wanted} was wanted"
        call.problem("ncco", seen, f"set content-type to audio/l16;rate={wanted}")
        return None
    socket = socket_of(call, endpoint)
    other = Leg(
        call,
        LegEvents(
            action.caller or leg.events.caller,
            endpoint.uri,
            leg.events.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        ),
        endpoint.shown,
        socket,
        over=socket.over,
        target=event_target(action) or leg.target,
        root=False,
    )
    return await _SocketConnect(leg, source, action, endpoint, other, socket).run()


class _SocketConnect:
    def __init__(
        self,
        leg: Leg,
        source: NccoSource,
        action: Connect,
        endpoint: WebSocket,
        other: Leg,
        socket: SocketLeg,
    ) -> None:
        self._leg = leg
        self._source = source
        self._action = action
        self._endpoint = endpoint
        self._other = other
        self._socket = socket

    async def run(self) -> Ncco | None:
        leg, other, call = self._leg, self._other, self._leg.call
        other.becomes("started")
        other.becomes("ringing")
        try:
            if not call.directory.may_connect():
                raise DialError("failed", "too many new calls a second", "connect more slowly")
            opening = open_socket(call, self._socket, self._endpoint, self._action.timeout)
            handshake = await leg.unless_over(opening)
            if handshake is None:
                other.fails("cancelled")
                return None
            call.log.add("socket", f"{self._endpoint.uri} open after {handshake:.0f} ms")
            other.becomes("answered")
            await self._converse()
        except DialError as error:
            call.log.add("socket", f"{error.status}: {error.seen}")
            call.problem("socket", error.seen, error.advice)
            self._record(None)
            event = other.fails(error.status)
            return await offer(leg, self._source, self._action, other.post(event), event)
        except asyncio.CancelledError:
            other.complete("platform")  # the leg was transferred, or the network closes
            raise
        finally:
            other.leave()
            await self._socket.close()
        self._conclude(handshake)
        if self._socket.trace.disconnected:
            event = other.events.disconnected()
            posted = other.post(event)
            replacement = await offer(leg, self._source, self._action, posted, event)
            other.complete("user")
            return replacement
        other.complete("platform")
        return None

    async def _converse(self) -> None:
        """Let the two talk until one of them is over, or a caller's script is."""
        leg, socket, caller = self._leg, self._socket, self._leg.participant
        speech: Speech | None = None
        if isinstance(caller, Caller):
            call = leg.call
            speech = caller.begin(socket.trace, call.log.played, self._action.limit)
            call.log.add("audio", speech.name)
        socket.start(speech.length if speech else None, self._on_frame(speech))
        if leg.conversation is not None:
            self._other.join(leg.conversation)
        try:
            await first_of(self._said(speech), socket.over.wait(), leg.over.wait())
        finally:
            if isinstance(caller, Caller):
                caller.end()

    async def _said(self, speech: Speech | None) -> None:
        """Return when the script is over, or the connect's limit is."""
        if speech is None:
            await asyncio.sleep(self._action.limit)
        else:
            await speech.finished.wait()
            await self._socket.echoed(speech.wait)

    def _on_frame(self, speech: Speech | None) -> Callable[[int], None]:
        call = self._leg.call

        def tell(count: int) -> None:
            if call.on_progress is not None and speech is not None and speech.length is not None:
                call.on_progress(Progress(count, speech.length))

        return tell

    def _conclude(self, handshake: float) -> None:
        trace = self._socket.trace
        code = f"{trace.close_code}" if trace.close_code is not None else "no code"
        self._leg.call.log.add("socket", f"closed with {code} by {ENDED_BY[trace.ended_by]}")
        tell_late(self._leg.call, self._socket)
        self._record(handshake)

    def _record(self, handshake: float | None) -> None:
        trace = self._socket.trace
        endpoint, over = self._endpoint, self._leg.is_over
        record = SocketRecord(endpoint.uri, trace, handshake, over, endpoint.headers)
        self._leg.call.log.record(record)


def socket_of(call: CallContext, endpoint: WebSocket) -> SocketLeg:
    """Return the socket's leg that an endpoint asks for, not opened yet."""
    behaviour = call.behaviour
    faults = behaviour.faults
    if any(isinstance(record, SocketRecord) for record in call.log.records):
        faults = replace(faults, move=0.0)  # a call moves once
    return SocketLeg(
        endpoint.uri,
        endpoint.content_type,
        endpoint.rate,
        endpoint.headers,
        faults=faults,
        assume=behaviour.assume,
        strict=behaviour.strict,
        on_text=call.log.message,
        steady=behaviour.steady,
        keeps=behaviour.keeps,
    )


def tell_late(call: CallContext, socket: SocketLeg) -> None:
    """Note how often a socket was silent because its audio came late; a report says it itself."""
    late = socket.trace.playback.late
    if late and not call.behaviour.keeps:
        call.log.add("socket", f"silent {late} times for 20 ms: its audio came late")


async def open_socket(
    call: CallContext, socket: SocketLeg, endpoint: WebSocket, seconds: float
) -> float:
    """Open a socket as its endpoint asks for; return the handshake's duration in ms.

    Args:
        call: the call's.
        socket: from `socket_of`.
        endpoint: the same.
        seconds: for the handshake at most.

    Raises:
        DialError: it did not open.

    """
    behaviour, wanted = call.behaviour, endpoint.authorization
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
    if behaviour.local_only and not is_local(endpoint.uri):
        raise DialError("failed", f"{printable(endpoint.uri)} is on the internet", PUBLIC)
    within = min(behaviour.handshake_timeout, seconds)
    return await socket.open(within, authorization, behaviour.tls)
