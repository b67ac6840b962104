"""Connecting a call to its socket again, after the socket was closed or lost: pure logic.

What is known of a call's reconnections is in the `headers` of its socket, which the platform
repeats in every event of it (Vonage's WebSockets guide). So any replica can continue the count.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["PAUSE", "ROOM_BYTES", "Reconnections", "connect_again", "headers_of"]

RESUMED = "resumed"
"""The header with the number of reconnections, which handlers see as `call.resumed`."""

TIMES = "resumed_at"
"""The header with their times: seconds since 1970 of the latest, then how long ago others were."""

WINDOW_SECONDS = 60
MAX_TIMES = 20
ROOM_BYTES = 100
"""Bytes of `headers` that both take at most."""

PAUSE: Mapping[str, Any] = {"action": "wait", "timeout": 1}
"""Comes before a connect whose predecessor could not open the socket."""


@dataclass(frozen=True)
class Reconnections:
    """Count of a call's reconnections, and the times of those in the last minute.

    Attributes:
        count: in all.
        times: seconds since 1970, the latest first; None if they cannot be read.

    """

    count: int = 0
    times: tuple[int, ...] | None = ()

    @classmethod
    def of(cls, headers: Mapping[str, Any]) -> "Reconnections":
        """Read the count from a socket's headers, which may come back as strings."""
        if RESUMED not in headers:
            return cls()
        count, times = str(headers[RESUMED]), str(headers.get(TIMES))
        if not re.fullmatch(r"[0-9]{1,6}", count):
            return cls(1, None)
        if not re.fullmatch(r"[0-9]{1,12}(,[0-9]{1,3}){0,19}", times):
            return cls(int(count), None)
        latest, *ago = map(int, times.split(","))
        return cls(int(count), (latest, *(latest - seconds for seconds in ago)))

    def lately(self, now: float) -> int | None:
        """Return the number of reconnections in the last minute; None if it is not known."""
        return None if self.times is None else len(self._recent(now))

    def headers(self, now: float) -> dict[str, Any]:
        """Return the headers of the next socket, with one more reconnection counted."""
        latest = int(now)
        ago = [str(max(latest - time, 0)) for time in self._recent(now)[: MAX_TIMES - 1]]
        return {RESUMED: self.count + 1, TIMES: ",".join([str(latest), *ago])}

    def _recent(self, now: float) -> list[int]:
        return [time for time in self.times or () if now - time < WINDOW_SECONDS]


def headers_of(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the socket's headers in an event: an object, in a GET as JSON text; {} without any."""
    headers = fields.get("headers")
    if isinstance(headers, str):
        try:
            headers = json.loads(headers)
        except (ValueError, RecursionError):
            return {}
    return headers if isinstance(headers, dict) else {}


def connect_again(
    connect: Mapping[str, Any], uri: str, headers: Mapping[str, Any], *, pause: bool
) -> list[dict[str, Any]]:
    """Return the NCCO that connects a call to its socket again.

    Args:
        connect: the template's, filled; its endpoint's query and headers are replaced.
        uri: where the socket was; its query is kept.
        headers: of the new socket.
        pause: whether to wait before.

    """
    (endpoint,) = connect["endpoint"]
    query = urlsplit(uri).query
    target = endpoint["uri"].partition("?")[0] + (f"?{query}" if query else "")
    again = {**connect, "endpoint": [{**endpoint, "uri": target, "headers": dict(headers)}]}
    return [dict(PAUSE), again] if pause else [again]
