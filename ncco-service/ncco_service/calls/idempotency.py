"""Idempotency keys: a repeated request gets the call of the first one, and calls nobody twice."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from ncco_service.calls.call import OutboundCall
from ncco_service.calls.journal import Journal
from ncco_service.calls.placer import Submission
from ncco_service.calls.requests import NewCall
from ncco_service.http.errors import Problem

__all__ = ["IdempotencyKeys", "Repeatable"]

KEPT_SECONDS = 24 * 3600
MOST_KEYS = 10_000


@dataclass(frozen=True)
class Repeatable:
    """The request behind a key, and what became of it.

    Attributes:
        wanted: what was asked for.
        submission: its call.
        since: seconds of the monotonic clock.
        earlier: whether it was made by an earlier process.

    """

    wanted: NewCall
    submission: Submission
    since: float
    earlier: bool = False


class IdempotencyKeys:
    """Requests by key, for a day. Of a request without a key (None) nothing is kept.

    Args:
        journal: keeps them over a restart; None: they are forgotten.

    """

    def __init__(self, journal: Journal | None) -> None:
        self._journal = journal
        self._requests: OrderedDict[str, Repeatable] = OrderedDict()

    def find(self, key: str | None, wanted: NewCall) -> Repeatable | None:
        """Return the request with this key; None if it is the first.

        Raises:
            Problem: the key was sent with another body before.

        """
        now = time.monotonic()
        while self._requests:
            oldest = next(iter(self._requests.values()))
            if now - oldest.since < KEPT_SECONDS and len(self._requests) < MOST_KEYS:
                break
            self._requests.popitem(last=False)
        if key is None or (known := self._requests.get(key)) is None:
            return None
        if known.earlier and known.submission.placement.was_not_placed:
            self.refused(key, known.submission.call)
            return None
        if known.wanted != wanted:
            raise Problem(
                422,
                "key_reused",
                "this Idempotency-Key was sent with another body before",
                "send a new key with each new call, the same key only with the same body",
            )
        return known

    def submitted(self, key: str | None, call: OutboundCall, wanted: NewCall) -> None:
        """Note a call that is about to be sent."""
        if self._journal and key is not None:
            self._journal.submitted(key, call.id, wanted)

    def keep(self, key: str | None, request: Repeatable) -> None:
        """Keep a request for those that repeat it."""
        if key is not None:
            self._requests[key] = request

    def placed(self, key: str | None, call: OutboundCall) -> None:
        """Note that a call was placed."""
        if self._journal and key is not None:
            self._journal.placed(call.id, call.uuid, call.conversation_uuid)

    def refused(self, key: str | None, call: OutboundCall) -> None:
        """Note that a call was not placed: its key may be used again."""
        if key is None:
            return
        if self._journal:
            self._journal.refused(call.id)
        if (known := self._requests.get(key)) and known.submission.call is call:
            del self._requests[key]
