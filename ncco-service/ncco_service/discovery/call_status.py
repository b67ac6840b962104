"""How a call's socket ended: asks all replicas of echo-service at once."""

import json
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Literal
from urllib.parse import quote, urlsplit

from ncco_service.discovery.replicas import Replicas
from ncco_service.http import fetch

__all__ = ["CallStatus", "End"]

End = Literal["done", "failed", "accident"]
"""How a socket ended: `done`, normally, and the call is over; `failed`, its handler failed and
would fail again; `accident`, anything else, and the call is connected again."""

ASK_SECONDS = 0.3
FRESH_SECONDS = 5.0  # an end less long ago counts without waiting for other replicas
ASKS_AT_ONCE = 16  # requests to one replica, each of its own pool: a lost replica delays no other


class CallStatus:
    """Asks echo-service how the socket of a call ended.

    Args:
        url: GET `{url}/{uuid}` tells of one call, at any replica behind the URL's name; None if
            no replica can be asked.
        otherwise: what to assume in that case.

    """

    def __init__(self, url: str | None, otherwise: End) -> None:
        self._path = urlsplit(url).path.rstrip("/") if url else ""
        self._otherwise: End = otherwise
        self.replicas = Replicas(url) if url else None
        self._pools: dict[str, ThreadPoolExecutor] = {}

    def end_of(self, uuid: str) -> End:
        """Return how a call's socket ended, within 300 ms; without an answer, an accident."""
        if self.replicas is None:
            return self._otherwise
        answers: list[dict[str, Any]] = []
        path = f"{self._path}/{quote(uuid, safe='')}"
        deadline = time.monotonic() + ASK_SECONDS
        asked = [
            pool.submit(_ask, base + path, deadline)
            for base, pool in self._pools_of(self.replicas.urls).items()
        ]
        try:
            for each in as_completed(asked, timeout=ASK_SECONDS):
                answer = each.result()
                if answer is not None:
                    answers.append(answer)
                    if answer["seconds_ago"] < FRESH_SECONDS:
                        break
        except TimeoutError:
            pass
        for each in asked:
            each.cancel()  # what still waits for its turn
        latest = min(answers, key=lambda answer: answer["seconds_ago"], default=None)
        return latest["end"] if latest is not None else "accident"

    def _pools_of(self, urls: tuple[str, ...]) -> dict[str, ThreadPoolExecutor]:
        """Return the replicas' pools; pools of replicas that are gone end by themselves."""
        if urls != tuple(self._pools):
            self._pools = {
                url: self._pools.get(url) or ThreadPoolExecutor(ASKS_AT_ONCE, "call_status")
                for url in urls
            }
        return self._pools


def _end(told: dict[str, Any]) -> End:
    if told["done"]:
        return "done"
    return "failed" if told["reason"] == "handler_failed" else "accident"


def _ask(url: str, deadline: float) -> dict[str, Any] | None:
    """Ask one replica; None if it does not know the call, or still has it open, or is silent."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        return None
    try:
        answer = fetch.send("GET", url, seconds=seconds)
        told = json.loads(answer.body) if answer.status == 200 else {}
        if told.get("live") is False:
            return {"end": _end(told), "seconds_ago": float(told["seconds_ago"])}
    except (fetch.FetchError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    return None
