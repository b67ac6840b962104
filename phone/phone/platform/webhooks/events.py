"""The events of a call's legs, in the shapes of the Webhook reference. Pure: nothing is sent
here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from phone.legs.identity import leg_uuid

__all__ = ["LegEvents", "error_event", "timestamp"]


def timestamp(moment: datetime | None = None) -> str:
    """Return ISO 8601 in UTC with milliseconds, as the platform writes it."""
    moment = moment or datetime.now(UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class LegEvents:
    """One leg of a call, and its events.

    Args:
        caller: the event's `from`.
        called: the event's `to`: a number, or the socket's URI.
        conversation_uuid: shared by the call's legs.
        direction: as the platform sees it.
        uuid: this leg's own.
        headers: of a websocket endpoint; None for a telephone.

    """

    caller: str
    called: str
    conversation_uuid: str
    direction: Literal["inbound", "outbound"]
    uuid: str = field(default_factory=leg_uuid)
    headers: Mapping[str, Any] | None = None
    answered_at: datetime | None = None

    def event(self, status: str, **extra: Any) -> dict[str, Any]:
        """Return an event of this leg."""
        event: dict[str, Any] = {
            "from": self.caller,
            "to": self.called,
            "uuid": self.uuid,
            "conversation_uuid": self.conversation_uuid,
            "status": status,
            "direction": self.direction,
            "timestamp": timestamp(),
        }
        if self.headers is not None:
            event["headers"] = dict(self.headers)
        return event | extra

    def without_status(self, **extra: Any) -> dict[str, Any]:
        """Return an event that has no status: of an input, a notify, a transfer."""
        event = {
            "from": self.caller,
            "to": self.called,
            "uuid": self.uuid,
            "conversation_uuid": self.conversation_uuid,
            "timestamp": timestamp(),
        }
        return event | extra

    def detected(self, who: Literal["human", "machine"], **extra: Any) -> dict[str, Any]:
        """Return the event of machine detection: `call_uuid` for `uuid`, and no `direction`."""
        event = self.event(who, **extra)
        del event["direction"]
        return {"call_uuid": event.pop("uuid")} | event

    def answered(self) -> dict[str, Any]:
        """Return the `answered` event; its three extra fields are empty at this time."""
        self.answered_at = datetime.now(UTC)
        return self.event("answered", start_time=None, rate=None, network=None)

    def disconnected(self) -> dict[str, Any]:
        """Return the event of a socket that the application closed; it has no `direction`."""
        event = self.event("disconnected")
        del event["direction"]
        return event

    def completed(self, by: Literal["platform", "user"]) -> dict[str, Any]:
        """Return the `completed` event with the leg's times; rates and prices are those of a free
        call.
        """
        end = datetime.now(UTC)
        start = self.answered_at or end
        return self.event(
            "completed",
            start_time=timestamp(start),
            end_time=timestamp(end),
            duration=str(round((end - start).total_seconds())),
            rate="0.00000000",
            price="0.00000000",
            network="GB-FIXED" if self.headers is None else "",
            disconnected_by=by,
        )


def error_event(reason: str, conversation_uuid: str) -> dict[str, Any]:
    """Return the event without a status that tells of an error, such as an invalid NCCO."""
    return {"reason": reason, "conversation_uuid": conversation_uuid, "timestamp": timestamp()}
