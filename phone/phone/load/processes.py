"""Shares a load between processes, each with a core and a loop of its own."""

import asyncio
import contextlib
import multiprocessing
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import uvloop

from phone.load.engine import place_load
from phone.load.load_plan import Live, LoadPlan
from phone.load.result import LoadResult

__all__ = ["run_load"]

END_SECONDS = 10.0  # for a process that has given its result, or closed its pipe, to end


async def run_load(
    plan: LoadPlan,
    *,
    stop: asyncio.Event | None = None,
    on_live: Callable[[Live], None] | None = None,
) -> LoadResult:
    """Place the calls of a load, all of them or until told to stop.

    A process that cannot start, or dies, costs its own calls only: they count as failed, and the
    result says why.

    Args:
        plan: what to place, and from how many processes.
        stop: set it to hang all calls up.
        on_live: told twice a second how it goes.

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
    lives = [Live() for _ in parts]

    def tell() -> None:
        if on_live is not None:
            on_live(sum(lives[1:], lives[0]))

    workers = [_Worker(number, part) for number, part in enumerate(parts)]
    telling = asyncio.create_task(_tell(stop, workers))
    with ThreadPoolExecutor(len(workers), "load") as threads:
        try:
            shares = [worker.follow(lives, tell, threads) for worker in workers]
            results = await asyncio.gather(*shares)
        finally:
            telling.cancel()
            for worker in workers:
                worker.tell()  # whoever waits in a thread for an abandoned one gets its end
            await asyncio.gather(telling, return_exceptions=True)
    total = results[0]
    for result in results[1:]:
        total.merge(result)
    total.processes = len(parts)
    total.interrupted = stop.is_set()
    return total


async def _tell(stop: asyncio.Event, workers: "list[_Worker]") -> None:
    await stop.wait()
    for worker in workers:
        worker.tell()


class _Worker:
    """One worker process, as the main process sees it."""

    def __init__(self, number: int, plan: LoadPlan) -> None:
        self._number = number
        self._plan = plan
        context = multiprocessing.get_context("spawn")
        self._news, its_news = context.Pipe(duplex=False)
        its_orders, self._orders = context.Pipe(duplex=False)
        self._its = (its_news, its_orders)
        self._process: BaseProcess = context.Process(
            target=_place, args=(plan, *self._its), daemon=True
        )

    def tell(self) -> None:
        """Tell the process to hang up all its calls."""
        try:
            self._orders.send(None)
        except OSError:
            return  # it has ended

    async def follow(
        self, lives: list[Live], on_live: Callable[[], None], threads: Executor
    ) -> LoadResult:
        """Return the process's result, or one that says why it gave none."""
        loop = asyncio.get_running_loop()
        try:
            self._process.start()
        except OSError as error:
            return self._broken(f"could not start ({error})")
        finally:
            for pipe in self._its:
                pipe.close()
        while True:
            try:
                news = await loop.run_in_executor(threads, self._news.recv)
            except (EOFError, OSError):
                lives[self._number] = Live(failed=self._plan.calls, finished=self._plan.calls)
                on_live()
                return self._broken(await loop.run_in_executor(threads, self._end))
            if isinstance(news, LoadResult):
                await loop.run_in_executor(threads, self._end)
                return news
            lives[self._number] = news
            on_live()

    def _end(self) -> str:
        """Wait for the process to end; return how it ended."""
        self._process.join(END_SECONDS)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            return f"gave no result and did not end within {END_SECONDS:g} s"
        if code < 0:
            return f"was killed by signal {-code} ({signal.strsignal(-code)})"
        return f"ended with status {code}, for the reason above"

    def _broken(self, seen: str) -> LoadResult:
        reason = f"phone: process {self._number + 1} {seen}; nothing is known of its calls"
        return LoadResult(calls=self._plan.calls, failures=Counter({reason: self._plan.calls}))


def _place(plan: LoadPlan, news: Connection, orders: Connection) -> None:
    # Ctrl-C reaches the whole group; the first process decides, and tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the first process is gone
        news.send(uvloop.run(_until_told(plan, news, orders)))


async def _until_told(plan: LoadPlan, news: Connection, orders: Connection) -> LoadResult:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        loop.remove_reader(orders.fileno())
        stop.set()

    # Readable when told to stop, and when the first process is gone.
    loop.add_reader(orders.fileno(), told)
    try:
        return await place_load(plan, stop=stop, on_live=news.send)
    finally:
        loop.remove_reader(orders.fileno())
