"""What came back against what was sent: which frames returned, which did not, and how late.

Two ways. Where the echo is bit-exact, frames are matched by their bytes, in order (the longest
common subsequence), so that a frame counts as returned only if its own bytes came back in its own
place. Where it is not (another codec, a gain, a resampler on the way), sound is matched by
correlation. Counts alone decide nothing.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from phone.audio import to_samples
from phone.constants import FRAME_MS, FRAMES_PER_SECOND, frame_bytes

__all__ = ["LATE_MS", "Alignment", "align"]

# A frame is late when it takes this much longer than half of the others: three frames,
# about what a listener's jitter buffer hides.
LATE_MS = 3 * FRAME_MS
# A frame of a repeating sound is looked for at most this many places around where it is expected.
CANDIDATES = 32
# Less than this share of matching bytes, and the echo is taken for changed rather than damaged.
EXACT_SHARE = 0.5
WINDOW_FRAMES = 10  # of sound that is correlated at once: 200 ms
WINDOW_HOP = 5
SIMILAR = 0.7  # correlation from which two windows are the same sound
LOUD_RMS = 60.0  # of 32768; a window below carries no sound to recognise
NEAR_SECONDS = 1.0  # how far a window's sound is searched around where it is expected,
FAR_SECONDS = 5.0  # and how far when nothing has been found there for
MISSES = 3  # windows on end (a cut spoils two: they hold sound from both of its sides);
FAR_SEARCHES = 100  # that is slow, so only as often
SAME_SCORE = 0.01  # places whose correlation differs by less are equally good


@dataclass(frozen=True)
class Alignment:
    """The comparison; lists hold indices of sent frames, except `extra`: of received ones.

    Args:
        method: "exact" by bytes, "correlation" by sound, "none": nothing came back, or nothing
        known.
        matched: frames that came back in their place.
        lost: never came back.
        changed: came back in their place with other bytes (exact), or with another sound.
        reordered: came back out of their place.
        duplicated: came back more than once.
        extra: received frames that nobody had sent.
        late: came back more than `LATE_MS` after the typical delay.
        delays_ms: from sending to return, of each frame that can be told from its neighbours.
        delay_frames: which sent frame each of `delays_ms` belongs to.
        last: the index of the last frame sent.
        similarity: 1.0 for the same bytes; else the median correlation of the sound.
    """

    method: Literal["exact", "correlation", "none"]
    matched: int
    lost: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    reordered: list[int] = field(default_factory=list)
    duplicated: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    delay_frames: list[int] = field(default_factory=list)
    last: int = -1
    similarity: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether everything came back, once, in order, and nothing else."""
        wrong = (self.lost, self.changed, self.reordered, self.duplicated, self.extra)
        return self.method != "none" and self.matched > 0 and not any(wrong)

    def without_tail(self) -> "Alignment":
        """Return the same, forgiving the lost frames at the very end: the caller hung up on
        them.
        """
        kept, expected = list(self.lost), self.last
        while kept and kept[-1] == expected:
            expected = kept.pop() - 1
        return replace(self, lost=kept)

    def delay(self, share: float) -> float | None:
        """Return a quantile of the delays in ms, None when there are none."""
        return float(np.quantile(self.delays_ms, share)) if self.delays_ms else None


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
    exact = _by_bytes(sent, sent_at, frames, times)
    returned = exact.matched + len(exact.reordered)
    if returned >= EXACT_SHARE * min(len(sent), len(frames)):
        return exact
    sound = _by_sound(sent, sent_at, frames, times, rate)
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


def _by_bytes(
    sent: Sequence[bytes], sent_at: Sequence[float], got: Sequence[bytes], got_at: Sequence[float]
) -> Alignment:
    places: dict[bytes, list[int]] = defaultdict(list)
    for index, frame in enumerate(sent):
        places[frame].append(index)
    pairs = _in_order(places, sent_at, got, got_at)
    matched_sent = {s for s, _ in pairs}
    matched_got = {g for _, g in pairs}
    spare_sent = [index for index in range(len(sent)) if index not in matched_sent]
    spare_got = [index for index in range(len(got)) if index not in matched_got]

    reordered, duplicated, unknown = [], [], []
    waiting: dict[bytes, list[int]] = defaultdict(list)
    for index in reversed(spare_sent):
        waiting[sent[index]].append(index)
    for index in spare_got:
        frame = got[index]
        if waiting.get(frame):
            reordered.append(waiting[frame].pop())
        elif frame in places:
            duplicated.append(_nearest(places[frame], pairs, index))
        else:
            unknown.append(index)
    moved = set(reordered)
    missing = [index for index in spare_sent if index not in moved]
    changed, lost, extra = _substituted(missing, unknown, pairs, len(sent), len(got))

    single = {frame for frame, count in Counter(sent).items() if count == 1}
    told = [(s, g) for s, g in pairs if sent[s] in single] or pairs
    delays = [(got_at[g] - sent_at[s]) * 1000 for s, g in told]
    typical = float(np.median(delays)) if delays else 0.0
    late = [s for (s, _), delay in zip(told, delays, strict=True) if delay > typical + LATE_MS]
    return Alignment(
        "exact",
        len(pairs),
        lost,
        changed,
        sorted(reordered),
        duplicated,
        extra,
        late,
        delays,
        delay_frames=[s for s, _ in told],
        last=len(sent) - 1,
        similarity=1.0,
    )


def _in_order(
    places: dict[bytes, list[int]],
    sent_at: Sequence[float],
    got: Sequence[bytes],
    got_at: Sequence[float],
) -> list[tuple[int, int]]:
    """Return the longest sequence of (sent, received) pairs with equal bytes, in both orders.

    Hunt and Szymanski's way: of each received frame the possible places, last first, into a longest
    increasing subsequence. Nothing is matched before it was sent. A repeating sound (silence) would
    have thousands of places; only those around the expected one are tried.
    """
    tails: list[int] = []  # tails[n]: the smallest sent index that ends a chain of n + 1
    nodes: list[tuple[int, int, int]] = []  # (sent, received, node before)
    tail_nodes: list[int] = []
    for index, frame in enumerate(got):
        candidates = places.get(frame)
        if not candidates:
            continue
        if len(candidates) > CANDIDATES:
            expected = tails[-1] + 1 if tails else 0
            middle = bisect_left(candidates, expected)
            candidates = candidates[max(0, middle - CANDIDATES // 2) : middle + CANDIDATES // 2]
        known = bisect_right(candidates, got_at[index], key=lambda place: sent_at[place])
        for place in reversed(candidates[:known]):
            length = bisect_left(tails, place)
            if length < len(tails) and tails[length] == place:
                continue
            nodes.append((place, index, tail_nodes[length - 1] if length else -1))
            if length == len(tails):
                tails.append(place)
                tail_nodes.append(len(nodes) - 1)
            else:
                tails[length] = place
                tail_nodes[length] = len(nodes) - 1
    pairs = []
    node = tail_nodes[-1] if tail_nodes else -1
    while node >= 0:
        place, index, before = nodes[node]
        pairs.append((place, index))
        node = before
    return pairs[::-1]


def _nearest(places: list[int], pairs: list[tuple[int, int]], index: int) -> int:
    """Return which sent frame a second copy, received at `index`, most likely is."""
    before = bisect_left(pairs, index, key=lambda pair: pair[1])
    expected = pairs[before - 1][0] if before else 0
    return min(places, key=lambda place: abs(place - expected))


def _substituted(
    missing: list[int],
    unknown: list[int],
    pairs: list[tuple[int, int]],
    sent_count: int,
    got_count: int,
) -> tuple[list[int], list[int], list[int]]:
    """Between two matched frames, a missing and an unknown one are the same frame, changed."""
    changed, lost, extra = [], [], []
    edges = [*pairs, (sent_count, got_count)]
    first_missing = first_unknown = 0
    for sent_edge, got_edge in edges:
        last_missing = bisect_left(missing, sent_edge, first_missing)
        last_unknown = bisect_left(unknown, got_edge, first_unknown)
        gap = missing[first_missing:last_missing]
        strangers = unknown[first_unknown:last_unknown]
        both = min(len(gap), len(strangers))
        changed += gap[:both]
        lost += gap[both:]
        extra += strangers[both:]
        first_missing, first_unknown = last_missing, last_unknown
    return changed, lost, extra


def _by_sound(
    sent: Sequence[bytes],
    sent_at: Sequence[float],
    got: Sequence[bytes],
    got_at: Sequence[float],
    rate: int,
) -> Alignment:
    """Find windows of sent sound in the received sound.

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
        if len(window) < WINDOW_HOP * per_frame or _rms(window) < LOUD_RMS:
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
    return [
        index
        for index in sorted(set(changed))
        if all(abs(index - place) > 2 * WINDOW_FRAMES for place in gone)
    ]


def _rms(samples: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def _search(
    window: npt.NDArray[np.float64], heard: npt.NDArray[np.float64], expected: int, reach: int
) -> tuple[int, float]:
    """Return where the window fits best, and nearest to `expected`, and the normalised
    correlation there.
    """
    low = max(0, expected - reach)
    sound = heard[low : max(0, expected) + reach + len(window)]
    if len(sound) < len(window):
        return low, 0.0
    size = 1 << (len(sound) + len(window) - 1).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(window, size))
    products = np.fft.irfft(spectrum, size)[: len(sound) - len(window) + 1]
    total = np.concatenate(([0.0], np.cumsum(np.square(sound))))
    energy = total[len(window) :] - total[: -len(window)]
    scale = np.sqrt(np.maximum(energy, 1.0) * float(np.sum(np.square(window))))
    scores = products / scale
    good = np.flatnonzero(scores >= scores.max() - SAME_SCORE)
    best = int(good[np.argmin(np.abs(good + low - expected))])
    return low + best, float(scores[best])
