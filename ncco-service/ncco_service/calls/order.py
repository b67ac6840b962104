"""One call on its way to the platform: what is sent, and how it is found if no answer comes."""

import time
from collections.abc import Callable
from typing import Any

from ncco_service.calls.call import CallBook, OutboundCall
from ncco_service.calls.voice_api import Call, VoiceApi

__all__ = ["CallOrder"]

CLOCKS_DIFFER_SECONDS = 5.0  # allowed difference between the platform's clock and ours


class CallOrder:
    """A call to place; an `Order` of the dispatcher's.

    Args:
        call: our record of it.
        body: makes the body of the request, for each attempt, since it holds a ticket.
        api: the platform.
        book: the calls whose uuids are known already.
        wall: seconds since 1970.
        first_sent: when an earlier process may have sent it; None: not yet.

    """

    def __init__(
        self,
        call: OutboundCall,
        body: Callable[[], dict[str, Any]],
        api: VoiceApi,
        book: CallBook,
        wall: Callable[[], float] = time.time,
        first_sent: float | None = None,
    ) -> None:
        self.id = call.id
        self._call = call
        self._body = body
        self._api = api
        self._book = book
        self._wall = wall
        self._first_sent = first_sent

    def send(self) -> Call:
        """Send it once.

        Raises:
            Throttled: not placed; the platform wants it later.
            NoAnswer: perhaps placed.
            Problem: not placed, and trying again would not help.

        """
        body = self._body()
        if self._first_sent is None:
            self._first_sent = self._wall()
        return self._known(self._api.create(body))

    def look_up(self) -> Call | None:
        """Return the call that an earlier attempt placed, if it did.

        An event may have come meanwhile, with its uuid, since the URL for events holds our name for
        the call. Otherwise it is a call in the platform's list with the same destination that
        belongs to no other order.

        Raises:
            NoAnswer: the platform does not say.
            Problem: it refuses to.

        """
        call = self._call
        if call.uuid is not None:
            return Call(call.uuid, call.conversation_uuid or "")
        since = (self._first_sent or self._wall()) - CLOCKS_DIFFER_SECONDS
        for shown in self._api.calls_since(since):
            uuid = str(shown.get("uuid") or "")
            if uuid and self._is_ours(shown) and self._book.find(uuid) is None:
                return self._known(Call(uuid, str(shown.get("conversation_uuid") or "")))
        return None

    def _known(self, placed: Call) -> Call:
        self._call.placed(placed.uuid, placed.conversation_uuid)
        self._book.learn(self._call)
        return placed

    def _is_ours(self, shown: dict[str, Any]) -> bool:
        if shown.get("direction") != "outbound":
            return False
        to = shown.get("to")
        to = to[0] if isinstance(to, list) and to else to
        if not isinstance(to, dict):
            return False
        if self._call.root == "person":
            return to.get("number") == self._call.to
        headers = to.get("headers")
        if isinstance(headers, dict) and "uuid" in headers:
            return bool(headers["uuid"] == self.id)
        return to.get("type") == "websocket"
