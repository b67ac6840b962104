"""Calls through the gateway of a stack that is already running."""

from __future__ import annotations

import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass

from phone.load import stolen_seconds

from bench import load
from bench.capacity import Capacity, Outcome, search, time_limit
from bench.load import Report
from bench.plan import Plan
from bench.processes import Cores
from bench.trial import P99_MS, kept_up

__all__ = ["Hop", "capacity", "hop_from", "judged", "paced"]


@dataclass(frozen=True)
class Hop:
    """Address of the gateway: IPv4 address and port."""

    host: str
    port: int


def hop_from(url: str) -> Hop:
    """Read a gateway's URL, such as http://127.0.0.1:8080.

    Raises:
        ValueError: it is none that the load generator can call.

    """
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "ws") or not parts.hostname:
        raise ValueError(f"{url} is not a gateway's URL; give one like http://127.0.0.1:8080")
    return Hop(socket.gethostbyname(parts.hostname), parts.port or 80)


def judged(report: Report, stolen: float) -> Outcome:
    """Judge one trial; only the hypervisor makes it void.

    Gateway, server and generator share the cores: that one keeps another waiting is measured, too.

    Args:
        report: of the generator.
        stolen: seconds that the hypervisor kept the cores.

    """
    if kept_up(report):
        return Outcome.HELD
    return Outcome.VOID if stolen * 1000 > P99_MS else Outcome.FAILED


def paced(hop: Hop, calls: int, probe: Mapping[str, float]) -> Report:
    """Place this many calls through the gateway.

    The generator is not pinned: where gateway and server run is up to whoever started them.
    """
    return load.run("paced", hop.port, {"calls": calls, **probe}, host=hop.host)


def capacity(hop: Hop, estimate: float, plan: Plan, probe: Mapping[str, float]) -> Capacity:
    """Search for the most calls held through the gateway, beginning at an estimate."""

    def attempt(calls: int) -> Outcome:
        before = stolen_seconds(Cores().usable)
        report = paced(hop, calls, probe)
        return judged(report, stolen_seconds(Cores().usable) - before)

    over = time_limit(plan.search_seconds)
    return search(attempt, estimate, fine=plan.fine, over=over)
