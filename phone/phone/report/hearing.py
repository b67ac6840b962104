"""Sound that the caller heard, from the platform and from sockets, on one clock."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from phone.audio.files import Samples, resampled, save, to_samples
from phone.constants import PLATFORM_RATE, frame_bytes
from phone.legs.log import PlatformSound
from phone.legs.trace import LegTrace

__all__ = ["heard", "save_heard"]


def heard(sounds: Sequence[PlatformSound], traces: Sequence[LegTrace], rate: int) -> Samples:
    """Return everything heard on one time line, with silence between; mono at `rate` Hz.

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


def save_heard(path: Path, sounds: Sequence[PlatformSound], traces: Sequence[LegTrace]) -> bool:
    """Write what was heard as WAV; return whether there was any sound.

    Args:
        path: the file.
        sounds: from the platform.
        traces: of the sockets; the first that was heard gives the rate.

    Raises:
        OSError: the file cannot be written.

    """
    audible = [trace for trace in traces if trace.playback.frames]
    rate = audible[0].rate if audible else PLATFORM_RATE
    sound = heard(sounds, audible, rate)
    if not len(sound):
        return False
    save(path, [sound.astype("<i2").tobytes()], rate)
    return True
