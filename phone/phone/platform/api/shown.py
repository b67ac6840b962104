"""A call in the Voice API's JSON."""

from datetime import UTC, datetime
from typing import Any

from phone.platform.leg import Leg

__all__ = ["shown"]


def shown(leg: Leg) -> dict[str, Any]:
    """Return a call as the API shows it."""
    events = leg.events
    number = {"type": "phone", "number": events.caller}
    inbound = events.direction == "inbound"
    fields: dict[str, Any] = {
        "_links": {"self": {"href": f"/calls/{leg.uuid}"}},
        "uuid": leg.uuid,
        "conversation_uuid": events.conversation_uuid,
        "to": {"type": "phone", "number": events.called} if inbound else dict(leg.endpoint),
        "from": number,
        "status": leg.status,
        "direction": events.direction,
        "network": None,
    }
    if events.answered_at is not None:
        fields["start_time"] = _time(events.answered_at)
    if leg.ended_at is not None:
        start = events.answered_at or leg.ended_at
        seconds = round((leg.ended_at - start).total_seconds())
        fields |= {
            "end_time": _time(leg.ended_at),
            "duration": str(seconds),
            "rate": "0.00000000",
            "price": "0.00000000",
        }
    return fields


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
