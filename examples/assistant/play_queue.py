"""Play queue: frames that wait to be heard, that were sent, and that will not be. Pure.

Each frame knows its item, so that it can be told how much of an item was heard.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .detector import FRAME_MS, levels

__all__ = ["Frame", "Item", "PlayQueue"]


@dataclass
class Item:
    """An item of the conversation, as far as it is audio to be heard.

    Args:
        item_id: of the model's; "" for what is played from here.
        response_id: which it belongs to.

    """

    item_id: str
    response_id: str
    frames: int = 0
    """Frames that came."""
    heard: int = 0
    """Frames that the caller heard."""
    done: bool = False
    """Whether all of it came."""

    @property
    def heard_ms(self) -> int:
        """What the caller heard, in milliseconds."""
        return self.heard * FRAME_MS

    @property
    def length_ms(self) -> int:
        """What came, in milliseconds."""
        return self.frames * FRAME_MS


@dataclass(slots=True)
class Frame:
    """20 ms of an item; `number` counts from 1 within it."""

    item: Item
    number: int
    pcm: bytes
    level: float


class PlayQueue:
    """Frames of one call, in order.

    Args:
        rate: Hz of the call.

    """

    def __init__(self, rate: int) -> None:
        self._samples = rate * FRAME_MS // 1000
        self._waiting: deque[Frame] = deque()
        self._sent: deque[Frame] = deque()
        self._taken = 0
        self._dropped: deque[Frame] = deque()
        self._cut: list[Item] = []
        self._item: Item | None = None
        self._rest = b""

    @property
    def waiting(self) -> int:
        """Frames that were not sent yet."""
        return len(self._waiting)

    @property
    def pending(self) -> bool:
        """Whether there is more to be sent, be it less than a frame."""
        return bool(self._waiting or self._rest)

    @property
    def unheard(self) -> bool:
        """Whether something was sent in this stretch that is not known to be heard."""
        return bool(self._sent)

    def put(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Add audio of an item, in the call's format."""
        item = self._item
        if item is None or item.item_id != item_id or item.response_id != response_id:
            self.finish()
            item = self._item = Item(item_id, response_id)
        data = self._rest + pcm
        size = 2 * self._samples
        whole = len(data) // size * size
        self._rest = data[whole:]
        self._add(item, data[:whole])

    def finish(self) -> None:
        """All of the last item has come: fill up its last frame with silence."""
        if self._item is None:
            return
        item, rest = self._item, self._rest
        self._item, self._rest = None, b""
        item.done = True
        if rest:
            self._add(item, rest + bytes(2 * self._samples - len(rest)))

    def begin(self) -> None:
        """A new stretch of playing begins: what was sent before is settled."""
        self._sent.clear()
        self._taken = 0

    def take(self) -> Frame:
        """Return the next frame, which is sent."""
        frame = self._waiting.popleft()
        self._sent.append(frame)
        self._taken += 1
        return frame

    def heard(self, count: int) -> None:
        """So many frames of this stretch were heard."""
        for _ in range(count - (self._taken - len(self._sent))):
            frame = self._sent.popleft()
            frame.item.heard = frame.number

    def take_back(self, dropped: bool) -> None:
        """What was sent and not heard waits again; or is dropped, with what was."""
        unheard = self._dropped if dropped else self._waiting
        unheard.extendleft(reversed(self._sent))
        self._sent.clear()

    def drop(self) -> None:
        """What waits will not be heard; what is put from now on is something else."""
        self._dropped += self._waiting
        self._waiting.clear()
        if self._item is not None:
            self._cut.append(self._item)
        self._rest, self._item = b"", None

    def take_dropped(self) -> list[Item]:
        """Return once the items that were dropped, as a whole or the rest of them, in order."""
        items: list[Item] = []
        for item in [*(frame.item for frame in self._dropped), *self._cut]:
            if not items or items[-1] is not item:
                items.append(item)
        self._dropped.clear()
        self._cut.clear()
        return items

    def _add(self, item: Item, pcm: bytes) -> None:
        size = 2 * self._samples
        for number, level in enumerate(levels(pcm, self._samples)):
            item.frames += 1
            frame = pcm[number * size : (number + 1) * size]
            self._waiting.append(Frame(item, item.frames, frame, level))
