"""Capacity of two replicas, compared with one.

With four cores or more, each server and each generator has a core of its own. With fewer, each core
has a server and that server's own load, in the one-replica run as in the two-replica run: so both
carry fewer calls than a core without load, but the ratio is fair, and it sees what replicas share:
the kernel's network stack, caches, memory, and the hypervisor.
"""

from __future__ import annotations

import concurrent.futures
import contextlib

from phone.load import stolen_seconds

from bench import load
from bench.capacity import Capacity, Outcome, search, time_limit
from bench.load import Report
from bench.peers.catalogue import Peer
from bench.plan import Plan
from bench.processes import Cores
from bench.server import Server
from bench.trial import Spent, held

__all__ = ["carried", "places"]


def places(cores: Cores) -> list[tuple[int, int]]:
    """Return (server's core, load's core) of two replicas; empty on a single core."""
    usable = cores.usable
    if len(usable) >= 4:
        return [(usable[0], usable[2]), (usable[1], usable[3])]
    return [(core, core) for core in usable[:2]] if len(usable) >= 2 else []


def carried(
    peer: Peer,
    where: list[tuple[int, int]],
    estimate: float,
    plan: Plan,
    probe: dict[str, float],
) -> Capacity:
    """Search for the most calls that replicas hold together, divided evenly among them.

    Args:
        peer: the server.
        where: a place for each replica.
        estimate: calls of one replica, to begin with.
        plan: says where the search ends.
        probe: the generator's options for one trial.

    """

    def attempt(calls: int) -> Outcome:
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(Server(peer.command, peer.environ, core)) for core, _ in where
            ]
            executor = stack.enter_context(concurrent.futures.ThreadPoolExecutor(len(where)))

            def one(index: int) -> Report:
                share = calls // len(where) + (index < calls % len(where))
                options = {"calls": share, **probe}
                return load.run("paced", servers[index].port, options, core=where[index][1])

            cores = {core for place in where for core in place}
            before = stolen_seconds(cores)
            reports = list(executor.map(one, range(len(where))))
            # Server and load may share a core, so that waiting for it is no disturbance.
            spent = Spent(taken=stolen_seconds(cores) - before)
            outcomes = {held(report, spent) for report in reports}
        if Outcome.VOID in outcomes:
            return Outcome.VOID
        return Outcome.FAILED if Outcome.FAILED in outcomes else Outcome.HELD

    over = time_limit(plan.search_seconds)
    return search(attempt, estimate * len(where), fine=plan.fine, over=over)
