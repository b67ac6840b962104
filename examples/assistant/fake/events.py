"""Events that the fake model sends, and the ids that they name things by."""

from __future__ import annotations

import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any

from .journal import Journal, Response

__all__ = ["Events", "Send"]

Send = Callable[[str], Awaitable[None]]


class Events:
    """Writes events of one session.

    Args:
        send: sends a message; waits while the client does not read.
        journal: in which errors are noted.

    """

    def __init__(self, send: Send, journal: Journal) -> None:
        self._send = send
        self._journal = journal
        self._numbers = itertools.count(1)

    def new(self, kind: str) -> str:
        """Return an id that nothing has yet."""
        return f"{kind}_{next(self._numbers)}"

    async def raw(self, message: str) -> None:
        """Send a message that may be none of the protocol."""
        await self._send(message)

    async def event(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        await self._send(json.dumps({"type": kind, "event_id": self.new("event"), **fields}))

    async def session(self, kind: str, **changes: Any) -> None:
        """Send what the session is."""
        named = {"type": "realtime", "id": "sess_1", "object": "realtime.session", "model": "fake"}
        await self.event(kind, session={**named, **changes})

    async def item(self, item: dict[str, Any]) -> None:
        """Send that the conversation has one item more."""
        await self.event("conversation.item.added", item=item, previous_item_id=None)
        await self.event("conversation.item.done", item=item, previous_item_id=None)

    async def response(self, kind: str, response: Response, **fields: Any) -> None:
        """Send how a response is."""
        body = {"id": response.id, "object": "realtime.response", "status": response.status}
        await self.event(kind, response={**body, "output": [], **fields})

    async def error(self, cause: dict[str, Any], code: str, message: str = "") -> None:
        """Send what is wrong with a message of the client."""
        self._journal.errors.append(f"{code} after {cause.get('type')}: {message}")
        error = {"type": "invalid_request_error", "code": code, "message": message or code}
        await self.event("error", error={**error, "event_id": cause.get("event_id")})
