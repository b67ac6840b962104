"""Pending handshakes: connections without a complete request yet, limited in number."""

from __future__ import annotations

from collections import Counter, OrderedDict

from ..logs import TokenBucket, get_logger
from ..websocket import CallConnection

__all__ = ["PendingHandshakes"]

logger = get_logger(__name__)

REFUSAL_LINES = (10, 1)
"""Log lines about refused handshakes: so many at once, so many a second from then on."""


class PendingHandshakes:
    """Connections whose handshake has not come yet.

    Over a limit the connection that has waited longest is aborted: a legitimate handshake takes
    milliseconds, so it rarely is one.

    Args:
        limit: how many may wait.
        limit_per_address: how many of one address.

    """

    def __init__(self, limit: int, limit_per_address: int) -> None:
        self.results: Counter[str] = Counter()
        """Handshakes since the start of the process, by result."""
        self._limit = limit
        self._limit_per_address = limit_per_address
        self._pending: OrderedDict[CallConnection, None] = OrderedDict()
        self._per_address: Counter[str] = Counter()
        self._log_lines = TokenBucket(*REFUSAL_LINES)

    def add(self, connection: CallConnection) -> None:
        """Add a new connection."""
        address = connection.address
        self._pending[connection] = None
        self._per_address[address] += 1
        if self._per_address[address] > self._limit_per_address:
            self._evict(next(one for one in self._pending if one.address == address))
        elif len(self._pending) > self._limit:
            self._evict(next(iter(self._pending)))

    def remove(self, connection: CallConnection) -> bool:
        """Remove a connection, because its request has come or because it is gone.

        Returns:
            Whether it was pending.

        """
        if connection not in self._pending:
            return False
        del self._pending[connection]
        self._per_address[connection.address] -= 1
        if not self._per_address[connection.address]:
            del self._per_address[connection.address]
        return True

    def accepted(self) -> None:
        """Count a handshake that opened a call."""
        self.results["accepted"] += 1

    def refused(self, reason: str, connection: CallConnection, **facts: str | int) -> None:
        """Count and log a handshake that opened no call.

        Args:
            reason: one word of a small set.
            connection: of the peer.
            facts: for the log.

        """
        self.results[reason] += 1
        if self._log_lines.take():
            logger.warning(
                "handshake_refused",
                reason=reason,
                peer=connection.address,
                **facts,
                unlogged=self._log_lines.reset_denied(),
            )

    def _evict(self, connection: CallConnection) -> None:
        self.remove(connection)
        self.refused("too_many_handshakes", connection)
        connection.abort()
