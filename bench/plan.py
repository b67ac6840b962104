"""Plans: how much a run measures."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FULL", "QUICK", "TINY", "Plan"]


@dataclass(frozen=True)
class Plan:
    """Size of a run.

    Args:
        rounds: how often each peer is measured; peers alternate.
        seconds: of each measurement at a fixed load.
        warmup: seconds before each that do not count.
        sound_warmup: the same of a sound: it is sent faster, at less cost a frame, until the
            platform's buffer is full.
        paced: numbers of paced calls.
        flooded: frames in flight on each of `flood_calls` connections.
        held_calls: calls held for the memory of one.
        probe_seconds: of each trial of the search for the capacity; 0: no search.
        search_seconds: no trial begins later than this in a search.
        fine: where that search ends, as a share.
        deaf_seconds: time that a peer which never reads goes on; 0: not measured.
        software_counter: count instructions with valgrind when there are no hardware counters.
        replicas: whether two replicas are measured.
        peers: names; empty: all.

    """

    rounds: int
    seconds: float
    warmup: float
    paced: tuple[int, ...]
    flooded: tuple[int, ...]
    flood_calls: int
    held_calls: int
    probe_seconds: float
    search_seconds: float
    fine: float
    deaf_seconds: float
    software_counter: bool
    replicas: bool
    peers: tuple[str, ...] = ()
    sound_warmup: float = 8


FULL = Plan(
    rounds=3,
    seconds=5,
    warmup=1,
    paced=(100, 400, 800, 1000),
    flooded=(1, 16),
    flood_calls=100,
    held_calls=1000,
    probe_seconds=5,
    search_seconds=200,
    fine=0.03,
    deaf_seconds=5,
    software_counter=True,
    replicas=True,
)

QUICK = Plan(
    rounds=1,
    seconds=1,
    warmup=0.5,
    paced=(100, 400),
    flooded=(1, 16),
    flood_calls=100,
    held_calls=1000,
    probe_seconds=1.5,
    search_seconds=9,
    fine=0.1,
    deaf_seconds=0,
    software_counter=False,
    replicas=False,
    peers=("c-epoll", "echo-service", "picows", "websockets"),
)

TINY = Plan(
    rounds=1,
    seconds=0.5,
    warmup=0.2,
    paced=(20,),
    flooded=(1, 16),
    flood_calls=10,
    held_calls=100,
    probe_seconds=0,
    search_seconds=0,
    fine=1,
    deaf_seconds=0,
    software_counter=False,
    replicas=False,
    peers=("c-epoll", "echo-service"),
)
