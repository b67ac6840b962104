"""Alignment of received with sent audio: which frames came back, and how late.

Two ways. Where the echo is bit-exact, frames are matched by their bytes (`align_bytes`), so that a
frame counts as returned only if its own bytes came back in its own place. Where it is not (another
codec, a gain, a resampler on the way), sound is matched by correlation (`align_sound`). Counts
alone decide nothing.
"""

from collections.abc import Sequence

import numpy as np

from phone.audio.align_bytes import by_bytes
from phone.audio.align_sound import by_sound
from phone.audio.alignment import Alignment
from phone.constants import frame_bytes

__all__ = ["Alignment", "align"]

# Less than this share of matching bytes, and the echo is taken for changed rather than damaged.
EXACT_SHARE = 0.5


def align(
    sent: Sequence[bytes],
    sent_at: Sequence[float],
    received: Sequence[bytes],
    received_at: Sequence[float],
    rate: int,
) -> Alignment:
    """Compare what came back with what was sent.

    Args:
        sent: the binary messages in their order, frames of 20 ms unless a fault cut them.
        sent_at: when each left, in seconds of one clock.
        received: the binary messages in their order, of any size.
        received_at: when each arrived, on the same clock.
        rate: Hz.

    """
    if not sent or not any(received):
        return _nothing(len(sent), len(received))
    size = frame_bytes(rate)
    sent, sent_at = _resliced(sent, sent_at, size)
    frames, times = _resliced(received, received_at, size)
    exact = by_bytes(sent, sent_at, frames, times)
    returned = exact.matched + len(exact.reordered)
    if returned >= EXACT_SHARE * min(len(sent), len(frames)):
        return exact
    sound = by_sound(sent, sent_at, frames, times, rate)
    if sound.matched > returned:
        return sound
    return exact if returned else _nothing(len(sent), len(frames))


def _nothing(sent: int, received: int) -> Alignment:
    return Alignment("none", 0, lost=list(range(sent)), extra=list(range(received)), last=sent - 1)


def _resliced(
    messages: Sequence[bytes], arrivals: Sequence[float], size: int
) -> tuple[list[bytes], list[float]]:
    """Cut messages of any size into frames, so that wrong sizes do not hide the sound in them."""
    if all(len(message) == size for message in messages):
        return list(messages), list(arrivals)
    stream = b"".join(messages)
    ends = np.cumsum([len(message) for message in messages])
    frames, times = [], []
    for start in range(0, len(stream), size):
        frame = stream[start : start + size]
        last = int(np.searchsorted(ends, start + len(frame), side="left"))
        frames.append(frame)
        times.append(arrivals[last])
    return frames, times
