"""What the caller hears, from the platform itself and over sockets, on one clock. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from phone.audio import Samples, resampled, to_samples
from phone.constants import frame_bytes
from phone.trace import LegTrace

__all__ = ["PLATFORM_RATE", "PlatformSound", "heard"]

PLATFORM_RATE = 16000  # Hz, of what the platform plays: no telephone carries more


@dataclass(frozen=True)
class PlatformSound:
    """Something that the platform itself said or played to the caller.

    Args:
        kind: the action.
        text: what was said, or the file's URL.
        at: when it began, in seconds of `perf_counter`.
        samples: as much of it as was heard, at `PLATFORM_RATE`.
    """

    kind: Literal["talk", "stream"]
    text: str
    at: float
    samples: Samples

    @property
    def seconds(self) -> float:
        """How long it was heard."""
        return len(self.samples) / PLATFORM_RATE


def heard(sounds: Sequence[PlatformSound], traces: Sequence[LegTrace], rate: int) -> Samples:
    """Return everything that was heard, in its place, with silence between; mono at `rate` Hz.

    Args:
        sounds: from the platform.
        traces: of the sockets.
        rate: of the result.
    """
    pieces = [(sound.at, resampled(sound.samples, PLATFORM_RATE, rate)) for sound in list(sounds)]
    for trace in traces:
        frames = trace.playback.heard(frame_bytes(trace.rate))
        if trace.playback.first_at is not None and frames:
            samples = to_samples(b"".join(frames))
            pieces.append((trace.playback.first_at, resampled(samples, trace.rate, rate)))
    if not pieces:
        return np.zeros(0, np.int16)
    pieces.sort(key=lambda piece: piece[0])
    begin, parts, length = pieces[0][0], [], 0
    for at, samples in pieces:
        # A caller hears one sound at a time: none begins before the last one's end.
        silence = max(0, round((at - begin) * rate) - length)
        parts += [np.zeros(silence, np.int16), samples]
        length += silence + len(samples)
    return np.concatenate(parts)
