"""The arithmetic of docs/scaling.md, from what the bench measured."""

from __future__ import annotations

import heapq
import math
import random

from bench import record
from bench.peers.catalogue import OURS
from tests import kept_runs
from tests.compose import ROOT
from tools.stack import Service

__all__ = ["FIGURES", "PLANNED", "SERIES", "erlang_b", "row", "simulated_loss", "table"]

RESULTS = ROOT / "bench/results"
PLANNED = 600
"""Calls a replica that we plan with: the autoscaler's number."""
CALL_SECONDS = 180
REQUESTS_PER_CALL = 9
"""One answer and eight events, as the phone posts them for a call that is answered."""
FRAMES_PER_SECOND = 50
SERIES: dict[Service, int] = {"echo-service": 60, "ncco-service": 90}
"""Of a replica, in Prometheus: about so many, as the page says."""


def _median(file: str, peer: str, figure: str) -> float:
    value = record.median(record.read(RESULTS / f"{file}.json")["figures"][peer][figure])
    assert value is not None
    return value


_BYTES = "2026-11-25-gateway-cost"
FIGURES = {
    "calls a core": _median(kept_runs.SERVERS, OURS, "calls_held"),
    "KiB a call": _median(kept_runs.SERVERS, OURS, "kib_per_call"),
    "handshakes a second": _median(kept_runs.PATHS, "tickets", "handshakes_per_second"),
    "answers a second": _median(kept_runs.ANSWERS, "ncco-service, signed", "flat_out_per_second"),
    "MiB at 1,140 calls": _median(kept_runs.SOAK, OURS, "last_memory_mib"),
    "bytes a frame": _median(_BYTES, OURS, "bytes_in_per_frame"),
    "gateway's cost": _median(kept_runs.HOPS, "haproxy", "paced200_cpu_us")
    / _median(kept_runs.HOPS, "haproxy", "paced200_service_cpu_us"),
}


def row(calls: int) -> dict[str, str]:
    """Return what so many calls at once need."""
    replicas = math.ceil(calls / PLANNED)
    base = FIGURES["MiB at 1,140 calls"] - 1140 * FIGURES["KiB a call"] / 1024
    memory = base + PLANNED * FIGURES["KiB a call"] / 1024
    bits = calls * FIGURES["bytes a frame"] * FRAMES_PER_SECOND * 8
    new = calls / CALL_SECONDS
    requests = new * REQUESTS_PER_CALL
    gateway = calls / (PLANNED / FIGURES["gateway's cost"])
    return {
        "replicas of echo-service, a core each": f"{replicas:,}",
        "memory of each": f"{memory:.0f} MiB",
        "bandwidth, each way": f"{bits / 1e9:,.2f} Gbit/s",
        "frames a second, each way": f"{calls * FRAMES_PER_SECOND:,}",
        "new calls a second": f"{new:,.1f}",
        "webhooks a second": f"{requests:,.0f}",
        "cores of ncco-service": f"{requests / FIGURES['answers a second'] * 2:,.1f}",
        "cores of gateways": f"{gateway:,.0f}",
        "open files of gateways": f"{2 * calls:,}",
    }


def table(sizes: tuple[int, ...] = (1_000, 10_000, 1_000_000)) -> str:
    """Return the table of the page."""
    rows = [row(size) for size in sizes]
    lines = ["| calls at once | " + " | ".join(f"{size:,}" for size in sizes) + " |"]
    lines.append("| --- |" + " ---: |" * len(sizes))
    lines += [f"| {name} | " + " | ".join(r[name] for r in rows) + " |" for name in rows[0]]
    return "\n".join(lines)


def erlang_b(offered: float, limit: int) -> float:
    """Return the share of calls that find all places taken (Erlang's loss formula).

    Args:
        offered: calls that would be up on average, if there were room.
        limit: places.

    """
    loss = 1.0
    for place in range(1, limit + 1):
        loss = offered * loss / (place + offered * loss)
    return loss


def simulated_loss(offered: float, limit: int, replicas: int, seed: int) -> float:
    """Return the same, simulated: calls come at random, and each goes to a replica at random.

    Args:
        offered: calls for each replica, on average.
        limit: places of each.
        replicas: how many.
        seed: of the chance.

    """
    chance = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    rate = offered * replicas  # calls a mean call's time
    up = [0] * replicas
    ends: list[tuple[float, int]] = []
    now, refused, placed = 0.0, 0, 0
    while now < 26.0:
        now += chance.expovariate(rate)
        while ends and ends[0][0] < now:
            up[heapq.heappop(ends)[1]] -= 1
        replica = chance.randrange(replicas)
        counts = now > 6.0  # before that it fills up
        placed += counts
        if up[replica] >= limit:
            refused += counts
            continue
        up[replica] += 1
        heapq.heappush(ends, (now + chance.expovariate(1.0), replica))
    return refused / placed


if __name__ == "__main__":
    print(table())
    for offered in (600, 800, 900, 950, 1000):
        print(
            offered, f"{erlang_b(offered, 1000):.2%}", f"{simulated_loss(offered, 1000, 20, 1):.2%}"
        )
    print(FIGURES)
