"""Calls that we started: what was requested, and each one's state so far."""

import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from ncco_service.calls.requests import NewCall

__all__ = ["CallBook", "Kind", "Leg", "OutboundCall", "is_over", "is_socket"]

# Vonage's webhook reference: after these a leg has no further status.
_LAST = frozenset({"completed", "busy", "rejected", "failed", "timeout", "unanswered", "cancelled"})
_ORDER = ("started", "ringing", "answered")  # events may overtake each other
MOST_EVENTS = 100  # of a call that are kept
MOST_CALLS = 10_000  # that are kept; the oldest that have ended are forgotten first

Kind = Literal["person", "socket"]


def is_over(status: str | None) -> bool:
    """Return whether a leg with this status has ended."""
    return status in _LAST


def is_socket(to: str) -> bool:
    """Return whether an event's `to` is a socket's."""
    return to.lower().startswith(("ws:", "wss:"))


@dataclass
class Leg:
    """One leg of a call: its uuid and its status."""

    uuid: str | None = None
    status: str | None = None

    def becomes(self, status: str) -> None:
        """Set the status, unless a later one has come first."""
        if is_over(self.status):
            return
        if status in _ORDER and self.status in _ORDER:
            status = max(status, self.status, key=_ORDER.index)
        self.status = status

    def report(self) -> dict[str, str | None]:
        """Describe it in JSON."""
        return {"uuid": self.uuid, "status": self.status}


@dataclass
class OutboundCall:
    """A call that we started.

    Attributes:
        wanted: what was asked for; None for a meeting's socket.
        id: our own name for it: the platform's is not known before the call is placed, and the
            socket's headers and the URL of its events carry a name from the beginning.
        to: the number, or the socket's URL.
        root: which leg the platform calls first.
        uuid: the platform's, of that leg.
        machine: "human" or "machine", once detected; "beep" once the machine beeped.
        region: base URL of the API that steers it; None for the configured one.
        problem: why it was not placed.

    """

    wanted: NewCall | None
    to: str
    root: Kind
    meeting: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    uuid: str | None = None
    conversation_uuid: str | None = None
    person: Leg = field(default_factory=Leg)
    socket: Leg = field(default_factory=Leg)
    machine: str | None = None
    region: str | None = None
    problem: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    _sockets_before: set[str] = field(default_factory=set)

    @property
    def first_leg(self) -> Leg:
        """The leg that the platform called first: the call ends with it."""
        return self.person if self.root == "person" else self.socket

    @property
    def legs(self) -> set[str]:
        """The uuids of all legs that it has, or had."""
        known = {self.person.uuid, self.socket.uuid, *self._sockets_before}
        return {leg for leg in known if leg}

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or was never placed."""
        return self.problem is not None or is_over(self.first_leg.status)

    def placed(self, leg: str, conversation: str) -> None:
        """Note the platform's uuids."""
        self.uuid, self.conversation_uuid = leg, conversation
        self.first_leg.uuid = leg

    def happened(self, fields: Mapping[str, str]) -> Kind:
        """Note an event; return whose leg it is about."""
        kind: Kind = "socket" if is_socket(fields["to"]) else "person"
        leg = self._socket_of(fields["uuid"]) if kind == "socket" else self.person
        leg.uuid = leg.uuid or fields["uuid"] or None
        if kind == self.root and leg.uuid and self.uuid is None:
            self.placed(leg.uuid, fields["conversation_uuid"])
        status = fields["status"]
        if status in ("human", "machine"):
            self.machine = "beep" if fields["sub_state"] == "beep_start" else status
        elif is_over(status) or status in _ORDER:
            leg.becomes(status)
        if len(self.events) < MOST_EVENTS:
            names = ("status", "sub_state", "type", "detail", "reason", "duration", "timestamp")
            kept = {name: fields[name] for name in names if fields[name]}
            self.events.append({"leg": kind, **kept})
        return kind

    def _socket_of(self, uuid: str) -> Leg:
        """Return the socket's leg; a call that was connected again has a new one."""
        current = self.socket.uuid
        if self.root == "socket" or not uuid or current in (None, uuid):
            return self.socket
        if uuid in self._sockets_before:
            return Leg(uuid)  # a late event
        self._sockets_before.add(current)
        self.socket = Leg(uuid)
        return self.socket

    def report(self) -> dict[str, Any]:
        """Describe it in JSON."""
        return {
            "call": self.id,
            "uuid": self.uuid,
            "conversation_uuid": self.conversation_uuid,
            "to": self.to,
            "from": self.wanted.from_ if self.wanted else None,
            "order": self.wanted.order if self.wanted else None,
            "meeting": self.meeting,
            "created": self.created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "person": self.person.report(),
            "socket": self.socket.report(),
            "machine": self.machine,
            "over": self.is_over,
            "problem": self.problem,
            "events": [dict(event) for event in self.events],
        }


class CallBook:
    """All calls that this process has started, found by our name or by a leg's uuid."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, OutboundCall] = OrderedDict()
        self._by_leg: dict[str, OutboundCall] = {}
        self._lock = threading.Lock()

    def add(self, call: OutboundCall) -> None:
        """Keep a call; forget the oldest that are over."""
        with self._lock:
            self._calls[call.id] = call
            if len(self._calls) > MOST_CALLS:
                over = next((one for one in self._calls.values() if one.is_over), None)
                old = over or next(iter(self._calls.values()))
                del self._calls[old.id]
                for leg in old.legs:
                    self._by_leg.pop(leg, None)

    def find(self, name: str) -> OutboundCall | None:
        """Return the call with our name or with a leg of this uuid."""
        with self._lock:
            return self._calls.get(name) or self._by_leg.get(name)

    def learn(self, call: OutboundCall) -> None:
        """Index a call by the uuids of its legs."""
        with self._lock:
            if call.id in self._calls:
                self._by_leg |= dict.fromkeys(call.legs, call)

    def latest(self, count: int) -> list[OutboundCall]:
        """Return the latest calls, the latest first."""
        with self._lock:
            return list(reversed(self._calls.values()))[:count]
