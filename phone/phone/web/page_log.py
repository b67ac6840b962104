"""A call's log that sends a page every step as it happens, with its full JSON."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from phone.legs.log import CallLog, Exchange, Moment, Problem, SocketRecord
from phone.web.verdicts import judged

__all__ = ["PageLog", "exchange_message", "ncco_message"]

TEXT_SHOWN = 10_000  # characters of a message
UNSENT_MAX = 100  # a ringing call has a handful
Tell = Callable[[Mapping[str, Any]], None]
ABOUT_EXCHANGES = ("answer", "fallback", "event", "transfer")  # moments that requests stand behind


class PageLog(CallLog):
    """A call's log whose entries are sent to a page.

    Args:
        send: takes a message for the page.
        ringing: keep the messages until `answered`; until then they are not the page's affair.

    """

    def __init__(self, send: Tell, *, ringing: bool = False) -> None:
        super().__init__(self._moment)
        self._send = send
        self._unsent: list[Mapping[str, Any]] | None = [] if ringing else None
        self._behind: list[dict[str, Any]] = []

    def answered(self) -> None:
        """Send what was kept, and from now on everything at once."""
        unsent, self._unsent = self._unsent or [], None
        for message in unsent:
            self._send(message)

    def exchange(self, exchange: Exchange) -> None:
        """Note a request and its reply; it is told with the moment that it belongs to."""
        super().exchange(exchange)
        self._behind.append(exchange_message(exchange))
        ncco = ncco_message(exchange)
        if ncco is not None:
            self._tell(ncco)

    def message(self, text: str, ours: bool) -> None:
        """Note a text message on a socket."""
        who = "platform" if ours else "application"
        waiting, self._behind = self._behind, [{"from": who, "message": _parsed(text)}]
        super().message(text, ours)
        self._behind = waiting

    def record(self, record: Problem | SocketRecord) -> None:
        """Note a problem, or a socket that is over."""
        super().record(record)
        if isinstance(record, Problem):
            self._tell({"type": "problem", **asdict(record)})

    def spoke(self, words: str) -> None:
        """Note what a `talk` said."""
        super().spoke(words)
        self._tell({"type": "caption", "text": words})

    def _tell(self, message: Mapping[str, Any]) -> None:
        if self._unsent is None:
            self._send(message)
        elif len(self._unsent) < UNSENT_MAX:
            self._unsent.append(message)

    def _moment(self, moment: Moment) -> None:
        behind: list[dict[str, Any]] = []
        if moment.kind in (*ABOUT_EXCHANGES, "message"):
            behind, self._behind = self._behind, []
        self._tell({"type": "moment", **asdict(moment), "behind": behind})


def exchange_message(exchange: Exchange) -> dict[str, Any]:
    """Return a request and its reply for the page."""
    return {
        "request": f"{exchange.method} {exchange.url}",
        "fields": dict(exchange.fields),
        "status": exchange.status,
        "milliseconds": round(exchange.milliseconds, 1),
        "seen": exchange.seen,
        "reply": _parsed(exchange.reply),
    }


def ncco_message(exchange: Exchange) -> dict[str, Any] | None:
    """Return the NCCO in a reply with the platform's verdicts; None when there is none.

    What answers the answer webhook is meant as one, whatever it is; another reply seldom is.
    """
    reply = exchange.reply.strip()
    asked = "endpoint_type" in exchange.fields and "status" not in exchange.fields
    if exchange.seen or not (reply.startswith("[") or (reply and asked)):
        return None
    return {
        "type": "ncco",
        "url": exchange.url,
        "rows": [asdict(row) for row in judged(exchange.reply)],
        "document": exchange.reply,
    }


def _parsed(text: str) -> Any:
    """Return JSON that a browser can read too, else the text: it knows neither NaN nor infinity."""
    if len(text) > TEXT_SHOWN:
        return f"{text[:TEXT_SHOWN]}… ({len(text):,} characters)"
    try:
        value = json.loads(text)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return text
    return value
