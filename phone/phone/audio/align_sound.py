"""Alignment of an echo that is not bit-exact, by correlation."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np

from phone.audio.alignment import LATE_MS, Alignment
from phone.audio.correlation import LOUD_RMS, SIMILAR, Sound, best_place, loudness
from phone.audio.files import to_samples
from phone.constants import FRAMES_PER_SECOND

__all__ = ["by_sound"]

WINDOW_FRAMES = 10  # of sound that is correlated at once: 200 ms
WINDOW_HOP = 5
NEAR_SECONDS = 1.0  # how far a window's sound is searched around where it is expected,
FAR_SECONDS = 5.0  # and how far when nothing has been found there for
MISSES = 3  # windows on end (a cut spoils two: they hold sound from both of its sides);
FAR_SEARCHES = 100  # that is slow, so only as often


def by_sound(
    sent: Sequence[bytes],
    sent_at: Sequence[float],
    got: Sequence[bytes],
    got_at: Sequence[float],
    rate: int,
) -> Alignment:
    """Find windows of sent sound in the received sound; the arguments are those of `align`.

    The place where a window is found, compared with the last one's, tells how much sound went
    missing or was put in between them.
    """
    per_frame = rate // FRAMES_PER_SECOND
    original = to_samples(b"".join(sent)).astype(np.float64)
    heard = to_samples(b"".join(got)).astype(np.float64)
    lost: list[int] = []
    extra: list[int] = []
    changed: list[int] = []
    delays: list[tuple[int, float]] = []
    likeness: list[float] = []
    shift = 0  # samples by which the heard sound lags behind the original one
    known = False
    misses = MISSES
    far_searches = 0
    for first in range(0, len(sent), WINDOW_HOP):
        window = original[first * per_frame : (first + WINDOW_FRAMES) * per_frame]
        if len(window) < WINDOW_HOP * per_frame or loudness(window) < LOUD_RMS:
            continue
        expected = first * per_frame + shift
        place, score = _search(window, heard, expected, round(NEAR_SECONDS * rate))
        misses = misses + 1 if score < SIMILAR else 0
        if misses > MISSES and far_searches < FAR_SEARCHES:
            far_searches += 1
            place, score = _search(window, heard, expected, round(FAR_SECONDS * rate))
        likeness.append(score)
        misses = misses if score < SIMILAR else 0
        if score < SIMILAR:
            changed += range(first, min(first + WINDOW_HOP, len(sent)))
            continue
        moved = round((place - first * per_frame - shift) / per_frame)
        if moved < 0:
            lost += range(max(0, first + moved), first)
        elif moved > 0 and known:
            extra += range(first + moved)[-moved:]
        shift, known = place - first * per_frame, True
        arrival = min((place + len(window) - 1) // per_frame, len(got_at) - 1)
        departure = min(first + len(window) // per_frame - 1, len(sent_at) - 1)
        delays.append((first, (got_at[arrival] - sent_at[departure]) * 1000))
    # A window across a cut is like neither side; what its neighbours call lost is not changed as
    # well.
    gone = sorted(set(lost))
    altered = sorted(set(changed) - set(gone)) if not gone and not extra else _far(changed, gone)
    milliseconds = [delay for _, delay in delays]
    typical = float(np.median(milliseconds)) if milliseconds else 0.0
    late = [index for index, delay in delays if delay > typical + LATE_MS]
    matched = len(sent) - len(gone) - len(altered) if delays else 0
    similarity = float(np.median(likeness)) if likeness else 0.0
    return Alignment(
        "correlation" if delays else "none",
        matched,
        lost=gone if delays else list(range(len(sent))),
        changed=altered if delays else [],
        extra=extra,
        late=late,
        delays_ms=milliseconds,
        delay_frames=[index for index, _ in delays],
        last=len(sent) - 1,
        similarity=similarity,
    )


def _far(changed: list[int], gone: list[int]) -> list[int]:
    """Return changed frames that are not next to a lost one."""
    reach = 2 * WINDOW_FRAMES
    far = []
    for index in sorted(set(changed)):
        place = bisect_left(gone, index - reach)
        if place == len(gone) or gone[place] > index + reach:
            far.append(index)
    return far


def _search(window: Sound, heard: Sound, expected: int, reach: int) -> tuple[int, float]:
    """Return where around `expected` the window fits best, and the correlation there."""
    low = max(0, expected - reach)
    place, score = best_place(
        window, heard[low : max(0, expected) + reach + len(window)], expected - low
    )
    return low + place, score
