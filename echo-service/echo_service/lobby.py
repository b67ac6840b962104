"""Connections whose handshake is not finished: how many may wait, and what becomes of them."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from .logs import Budget, event

if TYPE_CHECKING:
    from .connection import CallConnection

__all__ = ["Lobby"]

logger = logging.getLogger(__name__)

LINES = (10, 1)
"""Log lines about refused peers: so many at once, so many a second from then on."""


class Lobby:
    """Where connections wait from their first moment until their handshake has come.

    Over a limit the one that has waited longest gives way: an honest handshake takes
    milliseconds, so it is hardly ever an honest one.

    Args:
        most: how many may wait.
        most_of_an_address: how many of one address.

    """

    def __init__(self, most: int, most_of_an_address: int) -> None:
        self.results: Counter[str] = Counter()
        """How many handshakes ended how."""
        self._most = most
        self._most_of_an_address = most_of_an_address
        self._waiting: OrderedDict[CallConnection, None] = OrderedDict()
        self._of_address: Counter[str] = Counter()
        self._lines = Budget(*LINES)

    def enter(self, connection: CallConnection) -> None:
        """Let a new connection wait."""
        address = connection.address
        self._waiting[connection] = None
        self._of_address[address] += 1
        if self._of_address[address] > self._most_of_an_address:
            self._give_way(next(one for one in self._waiting if one.address == address))
        elif len(self._waiting) > self._most:
            self._give_way(next(iter(self._waiting)))

    def leave(self, connection: CallConnection) -> bool:
        """Take a connection out, because its request has come or because it is gone.

        Returns:
            Whether it was there.

        """
        if connection not in self._waiting:
            return False
        del self._waiting[connection]
        self._of_address[connection.address] -= 1
        if not self._of_address[connection.address]:
            del self._of_address[connection.address]
        return True

    def refused(self, reason: str, connection: CallConnection, **facts: str) -> None:
        """Count and log a peer that did not get its socket.

        Args:
            reason: one word of a small set.
            connection: of the peer.
            facts: for the log.

        """
        self.results[reason] += 1
        if self._lines.take():
            shown = {"reason": reason, "peer": connection.address, **facts}
            unlogged = self._lines.taken_back()
            event(logger, "handshake_refused", logging.WARNING, **shown, unlogged=unlogged)

    def _give_way(self, connection: CallConnection) -> None:
        self.leave(connection)
        self.refused("too_many_handshakes", connection)
        connection.cut()
