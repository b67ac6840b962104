"""How a call's socket ended: asks all replicas of echo-service at once."""

import json
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from ncco_service.discovery import fetch
from ncco_service.discovery.replicas import Replicas

__all__ = ["CallStatus", "End"]

End = Literal["done", "failed", "accident"]
"""How a socket ended: normally, so that the call is over; because its handler failed and would fail
again; or by anything else, so that another socket helps."""

ASK_SECONDS = 0.3
FRESH_SECONDS = 5.0
"""An answer about an end less than this ago counts without waiting for other replicas."""


class CallStatus:
    """Asks echo-service how the socket of a call ended.

    Args:
        url: GET ``{url}/{uuid}`` tells of one call, at any replica behind the URL's name; None if
            no replica can be asked.
        otherwise: what to assume then.

    """

    def __init__(self, url: str | None, otherwise: End) -> None:
        self._path = urlsplit(url).path.rstrip("/") if url else ""
        self._otherwise: End = otherwise
        self.replicas = Replicas(url) if url else None

    def end_of(self, uuid: str) -> End:
        """Return how a call's socket ended, within 300 ms; without an answer, an accident."""
        if self.replicas is None:
            return self._otherwise
        answers: list[dict[str, Any]] = []
        replies: queue.Queue[dict[str, Any] | None] = queue.Queue()
        urls = [f"{base}{self._path}/{quote(uuid, safe='')}" for base in self.replicas.urls]
        deadline = time.monotonic() + ASK_SECONDS
        for url in urls:
            threading.Thread(target=_ask, args=(url, replies.put), daemon=True).start()
        for _ in urls:
            try:
                answer = replies.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if answer is not None:
                answers.append(answer)
                if answer["seconds_ago"] < FRESH_SECONDS:
                    break
        latest = min(answers, key=lambda answer: answer["seconds_ago"], default=None)
        return latest["end"] if latest is not None else "accident"


def _end(told: dict[str, Any]) -> End:
    if told["done"]:
        return "done"
    return "failed" if told["reason"] == "handler_failed" else "accident"


def _ask(url: str, put: Callable[[dict[str, Any] | None], None]) -> None:
    """Ask one replica; puts None if it does not know the call, or still has it open."""
    answer = None
    try:
        status, body = fetch.get(url, ASK_SECONDS)
        told = json.loads(body) if status == 200 else {}
        if told.get("live") is False:
            answer = {"end": _end(told), "seconds_ago": float(told["seconds_ago"])}
    except (fetch.FetchError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        answer = None
    put(answer)
