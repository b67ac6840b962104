"""Our record of a call that we started: which leg an event is about."""

from typing import Any

from ncco_service.calls.call import MOST_CALLS, CallBook, OutboundCall
from ncco_service.calls.calls import EVENT_FIELDS

SOCKET = "wss://voice.example.org/socket"


def event(uuid: str, status: str, to: str = SOCKET) -> dict[str, str]:
    """Return the fields of an event."""
    return dict.fromkeys(EVENT_FIELDS, "") | {"uuid": uuid, "status": status, "to": to}


def moved(root: Any = "person") -> OutboundCall:
    """Return a call whose first socket was lost, and which has another."""
    call = OutboundCall(None, "447700900123", root)
    for status in ("started", "answered"):
        call.happened(event("person", status, "447700900123"))
    for leg, status in [
        *(("first", "started"), ("first", "answered"), ("first", "disconnected")),
        *(("second", "started"), ("first", "completed"), ("second", "answered")),
    ]:
        call.happened(event(leg, status))
    return call


def test_a_call_that_was_connected_again_has_another_socket() -> None:
    """The first one's end, told late, changes nothing."""
    call = moved()
    assert call.socket.report() == {"uuid": "second", "status": "answered"}
    assert call.person.status == "answered"
    assert not call.is_over
    assert len(call.events) == 8
    call.happened(event("second", "completed"))
    assert call.socket.status == "completed"


def test_a_call_that_begins_with_its_socket_ends_with_it() -> None:
    """The platform called the socket first: that leg is the call."""
    call = moved("socket")
    assert call.socket.report() == {"uuid": "first", "status": "completed"}
    assert call.is_over


def test_a_call_that_is_forgotten_leaves_nothing_behind() -> None:
    """All its legs are forgotten with it, those that were replaced, too."""
    book, call = CallBook(), OutboundCall(None, "447700900123", "person")
    book.add(call)
    for leg, to in (("person", call.to), ("first", SOCKET), ("second", SOCKET)):
        call.happened(event(leg, "started", to))
        book.learn(call)
        assert book.find(leg) is call
    call.happened(event("person", "completed", call.to))
    for _ in range(MOST_CALLS):
        book.add(OutboundCall(None, "447700900124", "person"))
    assert [book.find(name) for name in (call.id, "person", "first", "second")] == [None] * 4
