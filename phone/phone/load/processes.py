"""Shares a load between processes, each with a core and a loop of its own."""

import asyncio
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing.synchronize import Event as ProcessEvent

import uvloop

from phone.load.engine import Live, LoadPlan, place_load
from phone.load.result import LoadResult

__all__ = ["run_load"]

LOOK_SECONDS = 0.2  # how often a process looks whether it shall stop

# Set in each process when it starts: an event can only be handed over then.
_stop: list[ProcessEvent] = []


async def run_load(
    plan: LoadPlan,
    *,
    stop: asyncio.Event | None = None,
    on_live: Callable[[Live], None] | None = None,
) -> LoadResult:
    """Place the calls of a load, all of them or until told to stop.

    Args:
        plan: what to place, and from how many processes.
        stop: set it to hang all calls up.
        on_live: told about each call that opens or ends; with several processes, never.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.
    """
    plan.call.check()
    stop = stop or asyncio.Event()
    if plan.processes == 1:
        return await place_load(plan, stop=stop, on_live=on_live)
    share, rest = divmod(plan.calls, plan.processes)
    counts = [share + (number < rest) for number in range(plan.processes)]
    parts = [replace(plan, calls=count, processes=1) for count in counts if count]
    context = multiprocessing.get_context("spawn")
    told = context.Event()
    telling = asyncio.create_task(_tell(stop, told))
    loop = asyncio.get_running_loop()
    try:
        with ProcessPoolExecutor(len(parts), context, _begin, (told,)) as pool:
            shares = [loop.run_in_executor(pool, _place, part) for part in parts]
            results = await asyncio.gather(*shares)
    finally:
        told.set()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    total = results[0]
    for result in results[1:]:
        total.merge(result)
    total.processes = len(parts)
    total.interrupted = stop.is_set()
    return total


async def _tell(stop: asyncio.Event, told: ProcessEvent) -> None:
    await stop.wait()
    told.set()


def _begin(told: ProcessEvent) -> None:
    # Ctrl-C reaches the whole group; the first process decides, and tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop.append(told)


def _place(plan: LoadPlan) -> LoadResult:
    return uvloop.run(_until_told(plan))


async def _until_told(plan: LoadPlan) -> LoadResult:
    stop = asyncio.Event()

    async def look() -> None:
        while not any(told.is_set() for told in _stop):  # noqa: ASYNC110 - set by another process
            await asyncio.sleep(LOOK_SECONDS)
        stop.set()

    looking = asyncio.create_task(look())
    try:
        return await place_load(plan, stop=stop)
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
