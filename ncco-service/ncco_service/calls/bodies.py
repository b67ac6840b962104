"""Bodies of POST /v1/calls: the platform's description of a call that we start. Pure.

Fields are snake_case here, and camelCase inside an NCCO.
"""

from dataclasses import dataclass
from typing import Any

from ncco_service.calls.requests import Bot, NewCall
from ncco_service.ncco import Documents

__all__ = ["Addresses", "Bodies", "Signals"]

# Vonage's NCCO reference: the longest `limit` of a connect, though an API-made call may last a day.
LONGEST_CONNECT = 7200


@dataclass(frozen=True)
class Addresses:
    """Where the platform reaches us for one call: the socket, and the webhook for its events."""

    socket: str
    events: str


@dataclass(frozen=True)
class Signals:
    """The keys that tell a socket what happened to the person called."""

    answered: str
    machine: str


@dataclass(frozen=True)
class Bodies:
    """Makes the bodies.

    Args:
        documents: the NCCO of a call, with its socket, and of a meeting.
        number: our own, or None for any of the application's.
        signals: the keys that tell the socket what happened.

    """

    documents: Documents
    number: str | None
    signals: Signals

    def call(
        self, wanted: NewCall, call: str, addresses: Addresses, traceparent: str | None = None
    ) -> dict[str, Any]:
        """Make the body of a call to a person.

        Args:
            wanted: what was asked for.
            call: our name for it.
            addresses: where the platform reaches us.
            traceparent: of its trace, for the socket.

        Raises:
            TemplateError: the headers make it an NCCO that the platform would refuse.

        """
        caller = wanted.from_ or self.number
        values = self._values(call, addresses, caller or "", wanted.to)
        detection = _detection(wanted)
        if wanted.order == "socket-first":
            connect = {
                "action": "connect",
                "eventUrl": [addresses.events],
                "timeout": wanted.ring_seconds,
                "limit": min(wanted.longest_seconds, LONGEST_CONNECT),
                "endpoint": [{"type": "phone", "number": wanted.to}],
                **({"from": caller} if caller else {"randomFromNumber": True}),
                **({"advancedMachineDetection": detection} if detection else {}),
            }
            body: dict[str, Any] = {
                "to": [self.documents.call_socket(values, self._headers(wanted), traceparent)],
                "ncco": [connect],
            }
        else:
            body = {
                "to": [{"type": "phone", "number": wanted.to}],
                "ncco": self._ncco(wanted, values, traceparent),
                "ringing_timer": wanted.ring_seconds,
                **({"advanced_machine_detection": detection} if detection else {}),
            }
        return body | _common(caller, wanted.longest_seconds, addresses)

    def bot(
        self,
        meeting: str,
        wanted: Bot,
        call: str,
        seconds: int,
        addresses: Addresses,
        traceparent: str | None = None,
    ) -> dict[str, Any]:
        """Make the body of a call to the socket, into a meeting.

        Args:
            meeting: the room.
            wanted: how it takes part.
            call: our name for it.
            seconds: how long it stays at most.
            addresses: where the platform reaches us.
            traceparent: of its trace.

        Raises:
            TemplateError: the headers make it an endpoint that the platform would refuse.

        """
        values = self._values(call, addresses, self.number or "", meeting)
        headers = wanted.headers | {"meeting": meeting}
        room: dict[str, Any] = {"action": "conversation", "name": meeting, "startOnEnter": False}
        if wanted.listen_only:
            room["canSpeak"] = []
        socket = self.documents.call_socket(values, headers, traceparent)
        body = {"to": [socket], "ncco": [room]}
        return body | _common(self.number, seconds, addresses)

    def _ncco(
        self, wanted: NewCall, values: dict[str, str], traceparent: str | None
    ) -> list[dict[str, Any]]:
        if wanted.meeting is not None:
            return self.documents.meeting_answer(values, wanted.meeting)
        return self.documents.call_answer(values, self._headers(wanted), traceparent)

    def _headers(self, wanted: NewCall) -> dict[str, Any]:
        """Add the keys that the socket has to know; an ordinary call has none."""
        keys = {}
        if wanted.order == "socket-first":
            keys["answered_key"] = self.signals.answered
        if wanted.machine_detection is not None:
            keys["machine_key"] = self.signals.machine
        return wanted.headers | keys

    def _values(self, call: str, addresses: Addresses, caller: str, to: str) -> dict[str, str]:
        return {
            "socket_url": addresses.socket,
            "events_url": addresses.events,
            "from": caller,
            "to": to,
            "uuid": call,
        }


def _common(caller: str | None, seconds: int, addresses: Addresses) -> dict[str, Any]:
    ours = {"from": {"type": "phone", "number": caller}} if caller else {"random_from_number": True}
    events = {"event_url": [addresses.events], "event_method": "POST"}
    return {**ours, **events, "length_timer": seconds}


def _detection(wanted: NewCall) -> dict[str, str] | None:
    match wanted.machine_detection:
        case None:
            return None
        case "beep":
            return {"behavior": "continue", "mode": "detect_beep"}
        case behavior:
            return {"behavior": behavior, "mode": "default"}
