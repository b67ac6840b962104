"""A telephone whose microphone, ear and keypad are in a page."""

from collections import deque
from typing import Protocol

from phone.audio.conversion import RateConverter
from phone.constants import BYTES_PER_SAMPLE, FRAMES_PER_SECOND, RATES, frame_bytes
from phone.legs.log import CallLog
from phone.legs.telephone import Takes, Telephone
from phone.web.jitter import JitterBuffer

__all__ = ["FRAME_RATES", "Page", "PageTelephone"]

FRAME_RATES = {frame_bytes(rate): rate for rate in RATES}
"""The rate of a frame, in Hz, by its size in bytes: 20 ms of it tell it."""


class Page(Protocol):
    """Interface of the page that a telephone is in."""

    def hear(self, frame: bytes) -> None:
        """Take 20 ms of what is heard."""

    def hear_key(self, digit: str) -> None:
        """Take a key that another member pressed."""

    def rate_is(self, rate: int) -> None:
        """Set the sample rate of the call's frames, in Hz."""

    async def ring(self, caller: str, conversation: str, telephone: "PageTelephone") -> Takes:
        """Ring until the person decides."""


class PageTelephone(Telephone):
    """Takes part in a conversation with what a page says, and lets it hear the others.

    Args:
        number: its own.
        page: the page.
        log: takes what happens in a call to it.

    """

    def __init__(self, number: str, page: Page, log: CallLog | None = None) -> None:
        super().__init__(number, log=log)
        self.buffer = JitterBuffer()
        self._page = page
        self._pressed: deque[str] = deque()
        self._wanted = 0
        self._converter: tuple[int, int, RateConverter] | None = None

    def take(self, frame: bytes) -> None:
        """Take 20 ms of what the page says, at any of the platform's rates."""
        self.buffer.push(frame)

    def press(self, keys: str) -> None:
        """Press keys; each is one of `KEYS`."""
        self._pressed.extend(keys)

    def pressed(self) -> list[str]:
        """Return the keys pressed since the last time."""
        keys, self._pressed = list(self._pressed), deque()
        return keys

    def speak(self, rate: int, due: float) -> bytes | None:
        """Return the next frame; silence while there is none, since a line always sends."""
        if rate != self._wanted:
            self._wanted = rate
            self._page.rate_is(rate)
        frame = self.buffer.take()
        silence = bytes(frame_bytes(rate))
        if frame is None:
            return silence
        own = len(frame) * FRAMES_PER_SECOND // BYTES_PER_SAMPLE
        if own == rate:
            return frame
        if self._converter is None or self._converter[:2] != (own, rate):
            self._converter = (own, rate, RateConverter(own, rate))
        return self._converter[2].convert(frame) or silence

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Pass on what is heard."""
        self._page.hear(bytes(frame_bytes(rate)) if frame is None else frame)

    def hear_key(self, digit: str) -> None:
        """Pass on a key."""
        self._page.hear_key(digit)

    async def ring(self, caller: str, conversation: str) -> Takes:
        """Ring in the page."""
        return await self._page.ring(caller, conversation, self)
