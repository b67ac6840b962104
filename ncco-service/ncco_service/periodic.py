"""Repeating background jobs, so that no request waits for their work."""

import threading
from collections.abc import Callable

import structlog

__all__ = ["Periodic"]

logger = structlog.get_logger()

_AFTER_FAILURE_SECONDS = 5.0


class Periodic:
    """A thread (under gevent a greenlet) that runs a job again and again, whatever it raises.

    Args:
        name: the thread's name.
        job: does the work once, and returns the seconds until the next time.

    """

    def __init__(self, name: str, job: Callable[[], float]) -> None:
        self._job = job
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread; after a fork, since threads do not survive one."""
        self._thread.start()

    def stop(self) -> None:
        """Make the thread end after its current run."""
        self._stopping = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end, at most so many seconds."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping:
            try:
                pause = self._job()
            except Exception as error:
                logger.error("background_job_failed", job=self._thread.name, exc_info=error)
                pause = _AFTER_FAILURE_SECONDS
            self._wake.wait(pause)
            self._wake.clear()
