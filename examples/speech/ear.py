"""Finds speech in a call's audio: when somebody starts to speak, and what was said."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import webrtcvad  # type: ignore[import-untyped]  # published without types

__all__ = ["Ear", "Phrase", "Started"]

FRAME_SECONDS = 0.02
RATES = (8000, 16000)

ONSET = (3, 4)
"""Speech has begun when so many of the last so many frames sound like it: after 60 to 80 ms."""

LEAD = 15
"""Frames before that which belong to the phrase: the detector is late, words begin softly."""

PAUSE = 30
"""Frames without speech that end a phrase: 600 ms, less than people pause between sentences."""

LONGEST = 500
"""Frames of a phrase; a longer one is cut: 10 s."""


@dataclass(frozen=True)
class Started:
    """Somebody began to speak."""


@dataclass(frozen=True)
class Phrase:
    """What was said: 16-bit PCM, from a little before the first word to a little after the last."""

    pcm: bytes


class Ear:
    """Listens to one call.

    Args:
        rate: Hz, 8000 or 16000.
        strictness: of the detector, from 0 to 3; 3 takes the least for speech.

    Raises:
        ValueError: the detector does not know the rate.

    """

    def __init__(self, rate: int, strictness: int = 3) -> None:
        if rate not in RATES:
            raise ValueError(
                f"speech can be found at {RATES} Hz, and this call has {rate}; see content-type in "
                "the NCCO"
            )
        self._rate = rate
        self._size = round(rate * FRAME_SECONDS) * 2
        self._detector = webrtcvad.Vad(strictness)
        self._last: deque[bool] = deque(maxlen=ONSET[1])
        self._lead: deque[bytes] = deque(maxlen=LEAD)
        self._phrase: list[bytes] = []
        self._quiet = 0

    def feed(self, frame: bytes) -> Iterator[Started | Phrase]:
        """Listen to 20 ms more."""
        if len(frame) != self._size:
            return
        speech = self._detector.is_speech(frame, self._rate)
        self._last.append(speech)
        if not self._phrase:
            self._lead.append(frame)
            if sum(self._last) >= ONSET[0]:
                self._phrase = list(self._lead)
                self._quiet = 0
                yield Started()
            return
        self._phrase.append(frame)
        self._quiet = 0 if sum(self._last) >= ONSET[0] else self._quiet + 1
        if self._quiet >= PAUSE or len(self._phrase) >= LONGEST:
            yield from self.end()

    def end(self) -> Iterator[Phrase]:
        """Nothing more comes: what was said last, if anything."""
        if self._phrase:
            pcm = b"".join(self._phrase)
            self._phrase = []
            self._last.clear()
            self._lead.clear()
            yield Phrase(pcm)
