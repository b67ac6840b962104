"""The mixer: what each member of a conversation hears of the others in one frame. Pure.

Everyone hears the saturated sum of all others. It is the sum of all less one's own, in integers
wide enough for any number of members, so that a member costs the same however many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Hearing", "mix"]

Wide = npt.NDArray[np.int64]
LOW, HIGH = -32768, 32767


@dataclass(frozen=True)
class Hearing:
    """Who hears whom; by default everyone hears everyone else (NCCO reference, conversation).

    Args:
        heard_by: for a speaker, the only members that hear it.
        hears: for a listener, the only members that it hears.

    """

    heard_by: dict[int, frozenset[int]]
    hears: dict[int, frozenset[int]]


EVERYONE = Hearing({}, {})


def mix(frames: Sequence[bytes | None], hearing: Hearing = EVERYONE) -> list[bytes | None]:
    """Return what each member hears; None where no one that it hears is speaking.

    Args:
        frames: what each member says, all of one rate; None: nothing.
        hearing: who hears whom, by the members' places in `frames`.

    """
    speaking = [place for place, frame in enumerate(frames) if frame is not None]
    restricted = hearing.heard_by or hearing.hears
    if len(speaking) <= 1 and not restricted:
        return _lone(frames, speaking)
    samples: dict[int, Wide] = {}
    for place in speaking:
        samples[place] = np.frombuffer(frames[place] or b"", "<i2").astype(np.int64)
    free = [place for place in speaking if place not in hearing.heard_by]
    total: Wide | None = np.sum([samples[place] for place in free], axis=0) if free else None
    everything = _cut(total) if total is not None else None
    heard: list[bytes | None] = []
    for place in range(len(frames)):
        extra = [s for s, ears in hearing.heard_by.items() if place in ears and s in samples]
        if place in hearing.hears:
            known = [s for s in (*free, *extra) if s in hearing.hears[place] and s != place]
            heard.append(_cut(sum(samples[s] for s in known)) if known else None)
            continue
        extra = [s for s in extra if s != place]
        own = place in samples and place not in hearing.heard_by
        if not extra and not own:
            heard.append(everything)
        elif total is None or (own and len(free) == 1):
            heard.append(_cut(sum(samples[s] for s in extra)) if extra else None)
        else:
            others = total - samples[place] if own else total
            heard.append(_cut(others + sum(samples[s] for s in extra)))
    return heard


def _lone(frames: Sequence[bytes | None], speaking: list[int]) -> list[bytes | None]:
    """Return what is heard of one speaker, byte for byte, or of none."""
    if not speaking:
        return [None] * len(frames)
    return [None if place == speaking[0] else frames[speaking[0]] for place in range(len(frames))]


def _cut(total: "Wide | int") -> bytes:
    """Return samples cut to 16 bit."""
    return np.clip(total, LOW, HIGH).astype("<i2").tobytes()
