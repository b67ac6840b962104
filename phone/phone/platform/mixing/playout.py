"""What the platform itself plays to a leg: talk, streams, music on hold, beeps. Pure."""

from phone.audio.files import Samples, resampled
from phone.constants import FRAMES_PER_SECOND, PLATFORM_RATE

__all__ = ["Playout"]


class Playout:
    """Plays one sound at a time, frame by frame, in the conversation's time."""

    def __init__(self) -> None:
        self._samples: Samples | None = None
        self._loops = False
        self._place = 0
        self._at_rate: dict[int, Samples] = {}

    @property
    def busy(self) -> bool:
        """Whether a sound is playing."""
        return self._samples is not None

    def play(self, samples: Samples, *, loops: bool = False) -> None:
        """Play a sound at `PLATFORM_RATE` in place of what was played.

        Args:
            samples: the sound.
            loops: play it until it is stopped.

        """
        self._samples = samples if len(samples) else None
        self._loops = loops
        self._place = 0
        self._at_rate = {}

    def stop(self) -> None:
        """Stop playing."""
        self._samples = None

    def next(self, rate: int) -> bytes | None:
        """Return the next frame at `rate` Hz; None when nothing is played."""
        if self._samples is None:
            return None
        if rate not in self._at_rate:
            self._at_rate[rate] = resampled(self._samples, PLATFORM_RATE, rate)
        sound, size = self._at_rate[rate], rate // FRAMES_PER_SECOND
        part = sound[self._place * size : (self._place + 1) * size]
        self._place += 1
        if self._place * size >= len(sound):
            if self._loops:
                self._place = 0
            else:
                self.stop()
        return part.astype("<i2").tobytes().ljust(size * 2, b"\0")
