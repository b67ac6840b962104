"""Speech of the caller as the model's server measures it, in its own milliseconds. Pure."""

from __future__ import annotations

__all__ = ["ServerSpeech"]


class ServerSpeech:
    """The latest speech that the server has heard.

    Args:
        silence_ms: after which it says that speech has stopped.

    """

    def __init__(self, silence_ms: int) -> None:
        self._silence_ms = silence_ms
        self._onset_ms = 0
        self._length_ms = 0.0
        self.audible = False
        """Whether the caller heard something when it began."""

    def started(self, ms: int, audible: bool) -> None:
        """Speech began, `ms` into the audio that was sent."""
        self._onset_ms = ms
        self.audible = audible

    def stopped(self, ms: int) -> None:
        """It has stopped; `ms` includes the silence after it."""
        self._length_ms = max(0, ms - self._onset_ms - self._silence_ms)

    def take_ms(self) -> float:
        """Return its length once, when it becomes a turn; 0 if the server has not said."""
        length, self._length_ms = self._length_ms, 0.0
        return length
