"""Compare a server's own metrics with what the load generator did."""

from __future__ import annotations

import time

from bench.load import Report
from bench.peers.catalogue import OURS
from bench.server import Server

__all__ = ["compared"]

AUDIO_BYTES = 640
QUIET_SECONDS = 5.0
"""Seconds that a server may take to account for calls that have ended."""


def compared(server: Server, report: Report) -> list[str] | None:
    """Compare the metrics of a server that had this load, and no other, with the generator's count.

    Args:
        server: still running.
        report: of the load, after all its calls have ended.

    Returns:
        Every difference; None if the server counts nothing, or if the run cannot say: not all came
        back, and what a peer does not read is nobody's count.

    Raises:
        OSError: the server does not answer.

    """
    if report.failure is not None or report.frames_back != report.frames_sent:
        return None
    counted = server.metrics()
    deadline = time.monotonic() + QUIET_SECONDS
    while counted and counted["echo_live_calls"] and time.monotonic() < deadline:
        time.sleep(0.02)
        counted = server.metrics()
    if counted is None:
        return None
    frames = report.frames_sent
    expected = {
        'echo_frames_total{direction="in"}': frames,
        'echo_frames_total{direction="out"}': frames,
        'echo_audio_bytes_total{direction="in"}': frames * AUDIO_BYTES,
        'echo_audio_bytes_total{direction="out"}': frames * AUDIO_BYTES,
        "echo_odd_frames_total": 0,
        "echo_dropped_frames_total": 0,
        "echo_frame_gap_ms_count": max(0, frames - report.calls),
        'echo_calls_ended_total{reason="hang_up"}': report.calls,
        "echo_texts_total": report.calls,
    }
    return [
        f"{OURS} counts {counted.get(name, 0):.0f} for {name}, the generator {value}"
        for name, value in expected.items()
        if counted.get(name, 0) != value
    ]
