"""Matching a bit-exact echo, frame by frame: the longest common subsequence of what was sent and
came.

A frame in the sequence is in its place; of the rest, one whose bytes were sent is out of order or a
copy, one that was never sent is a changed frame where one is missing, and extra elsewhere.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from phone.audio.alignment import LATE_MS, Alignment

__all__ = ["by_bytes"]

# A frame of a repeating sound is looked for at most this many places around where it is expected.
CANDIDATES = 32


def by_bytes(
    sent: Sequence[bytes], sent_at: Sequence[float], got: Sequence[bytes], got_at: Sequence[float]
) -> Alignment:
    """Compare frames; the arguments are those of `align`, in whole frames."""
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
