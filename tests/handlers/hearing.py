"""What the caller hears: the platform's playback, simulated from what came over the socket.

Received audio is queued behind what is playing; `clear` empties the queue. So what is heard, and
when, follows from the arrival of each message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
from phone.audio import load, to_samples
from phone.legs.log import Moment
from phone.legs.plan import CallPlan
from phone.report import CallReport

from phone import call

__all__ = ["Heard", "Samples", "listen", "sound"]

Samples = npt.NDArray[np.int16]
FRAME_SECONDS = 0.02
LEAD = 1.0
"""Seconds of sound before the caller's first frame: an application may speak first."""
FROM_APPLICATION = "from the application: "


@dataclass
class Heard:
    """A call as the caller heard it.

    Args:
        report: of the phone.
        samples: what was heard, from `LEAD` seconds before the caller's first frame on.
        rate: Hz.
        gaps: silences in seconds that the caller heard because a message came too late.
        clears: seconds after the caller's first frame at which `clear` came.

    """

    report: CallReport
    samples: Samples
    rate: int
    gaps: list[float] = field(default_factory=list)
    clears: list[float] = field(default_factory=list)

    def second_of(self, part: Samples) -> float | None:
        """Return when `part` is heard exactly as it is, None if it is not.

        The second is counted from the caller's first frame, and so it may be a little below 0.
        """
        at = self.samples.tobytes().find(part.tobytes())
        return at / 2 / self.rate - LEAD if at >= 0 else None

    def between(self, begin: float, end: float) -> Samples:
        """Return what is heard between two seconds, counted from the caller's first frame."""
        return self.samples[round((begin + LEAD) * self.rate) : round((end + LEAD) * self.rate)]

    def quiet_from(self) -> float:
        """Return the second from which nothing more is heard."""
        loud = np.flatnonzero(np.abs(self.samples.astype(np.int32)) > 100)
        return float(loud[-1] + 1) / self.rate - LEAD if len(loud) else -LEAD


async def listen(plan: CallPlan) -> Heard:
    """Place a call with one socket; return what the caller heard."""
    texts: list[tuple[float, dict[str, Any]]] = []

    def note(moment: Moment) -> None:
        if moment.kind == "message" and moment.text.startswith(FROM_APPLICATION):
            texts.append((perf_counter(), json.loads(moment.text.removeprefix(FROM_APPLICATION))))

    report = await call(plan, on_moment=note)
    (socket,) = report.sockets
    trace = socket.trace
    start = trace.sent_at[0]
    clears = [at for at, text in texts if text == {"action": "clear"}]
    heard = Heard(report, np.zeros(0, np.int16), trace.rate, clears=[at - start for at in clears])
    placed: list[tuple[float, bytes]] = []
    end = None
    for arrival, frame in zip(trace.received_at, trace.received, strict=True):
        while clears and clears[0] <= arrival:
            end = _cleared(placed, clears.pop(0), end)
        if end is None or arrival > end:
            if end is not None:
                heard.gaps.append(arrival - end)
            end = arrival
        placed.append((end, frame))
        end += FRAME_SECONDS
    for at in clears:
        _cleared(placed, at, end)
    begin = start - LEAD
    last = max([at for at, _ in placed], default=start) - begin
    samples = np.zeros(round((last + FRAME_SECONDS) * heard.rate) + 1)
    for at, frame in placed:
        first = max(0, round((at - begin) * heard.rate))
        sounding = to_samples(frame)[: len(samples) - first]
        samples[first : first + len(sounding)] = sounding
    heard.samples = samples.astype(np.int16)
    return heard


def _cleared(placed: list[tuple[float, bytes]], at: float, end: float | None) -> float | None:
    while placed and placed[-1][0] >= at:
        placed.pop()
    return None if end is None else min(end, at)


def sound(path: Path | str, rate: int) -> Samples:
    """Read a sound file as samples."""
    return load(path, rate).samples
