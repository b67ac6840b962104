"""Requests that were refused: counted, and logged at a bounded rate."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog

from ncco_service.logs import masked

__all__ = ["Refusals"]

logger = structlog.get_logger()

BURST = 10  # log lines at once; after them one a second
PATH_CHARACTERS = 100

# A reason quotes what was seen, and that may be somebody's telephone number.
_NUMBER = re.compile(r"[0-9][0-9 ()./-]{5,}[0-9]")


class Refusals:
    """All refusals since the start of the process.

    Args:
        clock: seconds, monotonic.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.counts: Counter[str] = Counter()
        """How many, by the error's name."""
        self._clock = clock
        self._lock = threading.Lock()
        self._lines = float(BURST)
        self._filled_at = clock()
        self._unlogged = 0

    def note(
        self,
        method: str,
        path: str,
        status: int,
        slug: str,
        reason: str,
        peer: str | None = None,
        hint: str | None = None,
        *,
        always: bool = False,
    ) -> None:
        """Count a refusal and log it, unless too many were logged recently.

        Args:
            method: of the request.
            path: of the request, without its query, which has callers' numbers.
            status: of the response.
            slug: the error's name.
            reason: what was seen.
            peer: the address that it came from; behind a gateway, the gateway's.
            hint: what to do.
            always: log it whatever the rate.

        """
        with self._lock:
            self.counts[slug] += 1
            now = self._clock()
            self._lines = min(float(BURST), self._lines + now - self._filled_at)
            self._filled_at = now
            if self._lines < 1 and not always:
                self._unlogged += 1
                return
            self._lines = max(0.0, self._lines - 1)
            unlogged, self._unlogged = self._unlogged, 0
        logger.warning(
            "request_refused",
            method=method[:20],
            path=path[:PATH_CHARACTERS],
            status=status,
            error=slug,
            message=_NUMBER.sub(lambda found: masked(found[0]), reason),
            hint=hint,
            peer=peer,
            unlogged=unlogged or None,
        )
