"""Background workers for the requests that an event leads to, so that no webhook waits for them."""

import queue
import threading
from collections.abc import Callable

import structlog

__all__ = ["Background"]

logger = structlog.get_logger()

WORKERS = 8
MOST_WAITING = 1000


class Background:
    """Runs jobs on a few threads (under gevent, greenlets); when full, it drops and logs them."""

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[str, Callable[[], None]] | None] = queue.Queue(MOST_WAITING)
        self._threads = [
            threading.Thread(target=self._run, name=f"background-{n}", daemon=True)
            for n in range(WORKERS)
        ]

    def start(self) -> None:
        """Start the threads, in the process that serves."""
        for thread in self._threads:
            thread.start()

    def put(self, name: str, job: Callable[[], None]) -> None:
        """Queue a job; `name` is for the log."""
        try:
            self._jobs.put_nowait((name, job))
        except queue.Full:
            logger.warning(
                "background_job_dropped",
                job=name,
                message=f"{MOST_WAITING} signals and hangups wait for the platform already: check "
                "that VONAGE_API_URL answers soon; a hangup is tried again, a signal is not",
            )

    def stop(self) -> None:
        """End the threads once their current jobs are done."""
        for _ in self._threads:
            try:
                self._jobs.put_nowait(None)
            except queue.Full:
                return  # they are daemons

    def _run(self) -> None:
        while (item := self._jobs.get()) is not None:
            name, job = item
            try:
                job()
            except Exception as error:
                logger.error("background_job_failed", job=name, exc_info=error)
