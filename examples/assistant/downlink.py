"""Downlink: what the model says, on its way to the playout, and what was not heard of it."""

from __future__ import annotations

from collections.abc import Sequence

from . import protocol
from .formats import Converter
from .play_queue import Item
from .playout import Playout

__all__ = ["Downlink", "corrections"]

ITEMS = 64
"""Items whose length is remembered."""


class Downlink:
    """Takes the model's audio item by item.

    Args:
        playout: where it goes.
        converter: from the model's format to the call's.
        bytes_a_ms: of the model's format.

    """

    def __init__(self, playout: Playout, converter: Converter, bytes_a_ms: int) -> None:
        self._playout = playout
        self._converter = converter
        self._bytes_a_ms = bytes_a_ms
        self._received: dict[str, int] = {}
        self._item = ""
        self.response = ""
        """The response whose audio came last."""

    async def audio(self, event: protocol.Audio) -> bool:
        """Take more of an item; return whether there was room for it."""
        if event.item_id != self._item:
            await self.end_item()
            self._item = event.item_id
        self.response = event.response_id
        self._received[self._item] = self._received.get(self._item, 0) + len(event.data)
        if len(self._received) > ITEMS:
            del self._received[next(iter(self._received))]
        if not self._playout.room:
            await self.end_item()
            return False
        pcm = self._converter.feed(event.data)
        await self._playout.put(event.response_id, event.item_id, pcm)
        return True

    async def end_item(self, item_id: str | None = None) -> None:
        """All of an item has come.

        Args:
            item_id: of it; None for the one that came last.

        """
        if item_id is not None and item_id != self._item:
            return
        rest = self._converter.end()
        if self._item and rest:
            await self._playout.put(self.response, self._item, rest)
        await self._playout.finish()
        self._item = ""

    def drop(self) -> None:
        """Forget what was begun."""
        self._converter.end()
        self._item = ""

    def received_ms(self, item_id: str) -> int:
        """Return how much of an item came, in whole milliseconds."""
        return self._received.get(item_id, 0) // self._bytes_a_ms


def corrections(items: Sequence[Item], downlink: Downlink) -> tuple[list[str], int | None]:
    """Return what the model is told of items that were not heard to their end.

    Args:
        items: in order; those that were not heard at all are deleted, for they cannot be truncated
            to nothing, and what was heard whole is left alone.
        downlink: which knows their lengths: to truncate beyond one is an error.

    Returns:
        Messages, and where the last was truncated, in milliseconds.

    """
    messages: list[str] = []
    truncated: int | None = None
    for item in items:
        if not item.item_id:
            continue
        if item.heard == 0:
            messages.append(protocol.delete(item.item_id))
        elif not (item.done and item.heard >= item.frames):
            truncated = min(item.heard_ms, downlink.received_ms(item.item_id))
            messages.append(protocol.truncate(item.item_id, truncated))
    return messages, truncated
