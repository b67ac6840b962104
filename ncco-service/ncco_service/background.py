"""Work that repeats beside the requests, so that no request ever waits for it."""

import logging
import threading
from collections.abc import Callable

__all__ = ["Periodic"]

logger = logging.getLogger(__name__)

_AFTER_A_FAULT = 5.0  # seconds


class Periodic:
    """A daemon thread that runs a job again and again; a fault in the job never ends it.

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
        """Start the thread. After a fork, for threads do not survive one."""
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end after its present run."""
        self._stopping = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for its end, at most so many seconds; whatever it is at may be cut off."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping:
            try:
                pause = self._job()
            except Exception as error:
                fields = {"thread": self._thread.name}
                logger.error("background_fault", exc_info=error, extra={"fields": fields})
                pause = _AFTER_A_FAULT
            self._wake.wait(pause)
            self._wake.clear()
