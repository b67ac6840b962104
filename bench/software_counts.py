"""User instructions counted by valgrind, for machines without hardware counters.

Each count is the difference of two runs of known length, so that the start does not count.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import counters, load
from bench.load import Report
from bench.peers.catalogue import Peer
from bench.processes import Cores
from bench.server import Server

__all__ = ["of_flood", "of_handshakes", "of_paced"]

START_SECONDS = 120.0
"""Until a server listens; Python's start takes some fifty times as long under valgrind."""
FLOOD_FRAMES = (1000, 4000)
FLOOD_CALLS = 20
PACED_SECONDS = (2, 8)
SOUND_SECONDS = (6, 12)
"""Until the first of them the sound fills the platform's buffer."""
PACED_CALLS = 10
HANDSHAKES = (50, 250)


def of_flood(peer: Peer, cores: Cores, depth: int) -> float:
    """Count the instructions for a frame of a flood, with so many in flight on each call."""
    options = {"calls": FLOOD_CALLS, "depth": depth, "seconds": 60, "warmup": 0}
    few, many = (_run(peer, cores, "flood", {**options, "frames": n}) for n in FLOOD_FRAMES)
    return (many[1] - few[1]) / (many[0].echoed - few[0].echoed)


def of_paced(peer: Peer, cores: Cores) -> float:
    """Count the instructions for a frame of paced calls, or of the sound that they are played."""
    options = {"calls": PACED_CALLS, "warmup": 0, "open_seconds": 60}
    options |= {"sound": peer.plays, "mute": peer.mute}
    seconds = SOUND_SECONDS if peer.plays else PACED_SECONDS
    few, many = (_run(peer, cores, "paced", {**options, "seconds": n}) for n in seconds)
    return (many[1] - few[1]) / (many[0].frames_back - few[0].frames_back)


def of_handshakes(peer: Peer, cores: Cores, tokens: str) -> float:
    """Count the instructions for a call that is opened and closed; see `tickets` for `tokens`."""
    options: dict[str, float | str] = {"calls": 16, "seconds": 120, "tokens": tokens}
    few, many = (_run(peer, cores, "handshakes", {**options, "frames": n}) for n in HANDSHAKES)
    return (many[1] - few[1]) / (many[0].handshakes - few[0].handshakes)


def _run(
    peer: Peer, cores: Cores, mode: str, options: Mapping[str, float | str]
) -> tuple[Report, float]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "cachegrind.out")
        command = counters.valgrind_command(output) + peer.command
        with Server(command, peer.environ, cores.server, START_SECONDS) as server:
            report = load.run(mode, server.port, options, core=cores.load)
        if report.failure is not None:
            raise load.LoadError(report.failure)
        return report, counters.valgrind_instructions(output).user
