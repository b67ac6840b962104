"""Playout: what the model says, on its way to the caller, and how much of it was heard.

It can be held and resumed where it stopped, and it can be stopped, which tells of each item how
much of it the caller heard.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

from echo_service.handlers import AudioCall

from .play_queue import Item, PlayQueue
from .position import FRAME_SECONDS, PlayClock

__all__ = ["AHEAD_SECONDS", "Playout"]

AHEAD_SECONDS = 1.5
"""How much is sent before it is heard: as much as this process may be held up, and few enough marks
that the platform could answer all of them at once (MAX_TEXTS_PER_SECOND)."""

PLENTY_FRAMES = 500
"""Frames that wait from which more is not urgent: 10 s."""

BURST_SECONDS = 0.2
"""What is sent in one go when there is room again."""

CLEAR_SECONDS = 0.5
"""How long the answer to `clear` may take before the position is reckoned without it."""

ECHO_SECONDS = 0.3
"""How late an echo may come: the way there and back."""


class Playout:
    """Plays into one call.

    Args:
        call: to be played into.
        rate: Hz of the call.
        mark_frames: frames between two marks; 0 sends none.
        most_seconds: of audio that may wait.
        stopped: told, once a stop has taken effect, the items that were not heard to their end, in
            order, and the call's second at which it was silent.

    """

    def __init__(
        self,
        call: AudioCall,
        rate: int,
        mark_frames: int,
        most_seconds: float,
        stopped: Callable[[list[Item], float], None],
    ) -> None:
        self._call = call
        self._mark_frames = mark_frames
        self._most = round(most_seconds / FRAME_SECONDS)
        self._stopped = stopped
        self._queue = PlayQueue(rate)
        self._clock = PlayClock()
        self._generation = 0
        self._levels: deque[tuple[float, float]] = deque()
        self._more = asyncio.Event()
        self._progress = asyncio.Event()
        self._playing = self._held = self._stopping = self._resuming = False
        self._asked: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._late: asyncio.Task[None] | None = None
        self.first_sent: Callable[[Item, float], None] = lambda item, at: None
        """Told of the first frame of each item that is sent, and the call's second."""

    # What comes in

    @property
    def room(self) -> bool:
        """Whether more audio may wait."""
        return self._queue.waiting < self._most

    @property
    def plenty(self) -> bool:
        """Whether so much waits that more is not urgent."""
        return self._queue.waiting > PLENTY_FRAMES

    @property
    def audible(self) -> bool:
        """Whether the caller hears something, or would if it were not held."""
        return self._queue.pending or not self._all_heard()

    async def put(self, response_id: str, item_id: str, pcm: bytes) -> None:
        """Add audio of an item, in the call's format."""
        self._queue.put(response_id, item_id, pcm)
        await self._start()

    async def finish(self) -> None:
        """All of the last item has come: fill up its last frame with silence."""
        self._queue.finish()
        await self._start()

    # Hold, resume, stop

    async def hold(self) -> None:
        """Be silent at once; what was not heard is kept."""
        if self._held:
            return
        self._held = True
        if self._all_heard():
            return
        self._playing = False
        self._asked = self._call.seconds
        self._timer = asyncio.get_running_loop().call_later(CLEAR_SECONDS, self._give_up)
        await self._call.clear()

    async def resume(self) -> None:
        """Go on where `hold` stopped."""
        self._resuming = True
        if self._asked is None:
            await self._go_on()

    async def stop(self) -> None:
        """Be silent at once, and forget what was not heard; `stopped` is told of it."""
        self._resuming = False
        self._stopping = True
        # What is put from now on is something else, and waits until the platform is silent.
        self._queue.drop()
        await self.hold()
        if self._asked is None:
            self._forget(self._call.seconds)
            await self._go_on()

    async def cleared(self, at: float) -> None:
        """Take the platform's answer to `clear`."""
        if self._asked is not None:
            self._settle(at)
            await self._go_on()

    def answered(self, payload: Any, at: float) -> None:
        """Take the platform's answer to a mark; others than those of this stretch are old."""
        if not isinstance(payload, dict) or payload.get("g") != self._generation:
            return
        if isinstance(payload.get("n"), int):
            self._clock.answered(payload["n"], at, clearing=self._asked is not None)
            self._queue.heard(self._clock.acked)
            self._progress.set()

    async def heard(self) -> None:
        """Wait until all was heard, or stopped."""
        while self.audible:
            self._progress.clear()
            patience = max(0.05, self._clock.end + 0.3 - self._call.seconds)
            try:
                async with asyncio.timeout(patience):
                    await self._progress.wait()
            except TimeoutError:
                continue

    def echo(self, at: float) -> float:
        """Return the highest level that the caller heard within `ECHO_SECONDS` before *at*."""
        while self._levels and self._levels[0][0] < at - ECHO_SECONDS:
            self._levels.popleft()
        highest = 0.0
        for begins, level in self._levels:
            if begins > at:
                break
            highest = max(highest, level)
        return highest

    def close(self) -> None:
        """The call is over."""
        for pending in (self._timer, self._late):
            if pending is not None:
                pending.cancel()

    # The way to the platform

    async def _start(self) -> None:
        self._more.set()
        if not self._playing and not self._held and self._queue.waiting:
            self._playing = True
            self._generation += 1
            self._clock = PlayClock()
            self._queue.begin()
            await self._call.play(self._frames(self._generation))

    async def _frames(self, generation: int) -> AsyncIterator[bytes]:
        """Yield frames for `AudioCall.play`, which closes this at a `clear`."""
        clock = self._clock
        while True:
            while self._held or not self._queue.waiting:
                self._more.clear()
                await self._more.wait()
            ahead = clock.end - self._call.seconds
            if ahead > AHEAD_SECONDS:
                await asyncio.sleep(ahead - AHEAD_SECONDS + BURST_SECONDS)
                continue
            frame = self._queue.take()
            begins = clock.frame(self._call.seconds)
            self._levels.append((begins, frame.level))
            if frame.number == 1:
                self.first_sent(frame.item, self._call.seconds)
            yield frame.pcm
            if not self._mark_frames:
                self._queue.heard(clock.heard(self._call.seconds) - 1)
            elif (clock.sent - 1) % self._mark_frames == 0 or not self._queue.waiting:
                await self._call.notify({"g": generation, "n": clock.mark()})

    def _all_heard(self) -> bool:
        if not self._playing:
            return not self._queue.unheard
        return (self._mark_frames > 0 and self._clock.heard_all) or (
            self._call.seconds > self._clock.end + (0.25 if self._mark_frames else 0.0)
        )

    def _give_up(self) -> None:
        """The platform has not answered `clear`: the clock has to do."""
        self._settle(None)
        self._late = asyncio.get_running_loop().create_task(self._go_on())

    def _settle(self, cleared: float | None) -> None:
        """Reckon what was heard, now that the platform is silent."""
        if self._timer is not None:
            self._timer.cancel()
        asked, self._asked, self._timer = self._asked, None, None
        if asked is None:
            return
        self._queue.heard(self._clock.heard(asked, cleared))
        self._queue.take_back(dropped=self._stopping)
        silent = asked if cleared is None else cleared
        while self._levels and self._levels[-1][0] > silent:
            self._levels.pop()
        if self._stopping:
            self._forget(silent)

    def _forget(self, silent: float) -> None:
        items = self._queue.take_dropped()
        self._stopping, self._resuming = False, True
        self._progress.set()
        self._stopped(items, silent)

    async def _go_on(self) -> None:
        if self._resuming:
            self._resuming = self._held = False
            await self._start()
