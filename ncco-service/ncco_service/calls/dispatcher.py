"""Queue of calls to place, in order and within the platform's rate, each at most once.

The queue is in memory only: whoever places a call waits for the platform's answer, so a process
that is killed loses no call that was confirmed. `journal` keeps requests with a key on disk.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable

import structlog

from ncco_service.calls.placement import Order, Placement
from ncco_service.calls.platform_errors import NoAnswer, Throttled
from ncco_service.calls.voice_api import Call
from ncco_service.calls.window import RollingSecond
from ncco_service.http.errors import Problem

__all__ = ["PATIENCE_SECONDS", "Dispatcher", "Order", "Placement"]

logger = structlog.get_logger()

QUEUE_SECONDS = 20  # at most as many calls wait as can be placed in this time
PATIENCE_SECONDS = 30.0  # how long a request waits for its result
LOOKUP_SECONDS = 1.0  # until a call without an answer is looked up: it may be listed late
MOST_LOOKUPS = 60  # of a call that nobody waits for any more, so that it does not delay others


class Dispatcher:
    """Places calls, one after the other.

    Args:
        per_second: at most so many in any second.
        clock: seconds, monotonic.

    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.results: Counter[str] = Counter()
        """Orders by result: placed, or the problem's name."""
        self._per_second = per_second
        self._limit = per_second * QUEUE_SECONDS
        self._window = RollingSecond(per_second)
        self._clock = clock
        self._queue: deque[Placement] = deque()
        self._changed = threading.Condition()
        self._not_before = 0.0  # the clock's time until which nothing is sent
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Start the thread (under gevent a greenlet) that places calls."""
        self._thread.start()

    def refuse(self) -> None:
        """Send nothing more; safe in a signal handler. `stop` follows."""
        self._stopping = True

    def stop(self) -> None:
        """Send nothing more, and answer those who wait."""
        self._stopping = True
        with self._changed:
            for placement in self._queue:
                placement.finish(None, _interrupted(placement))
            self._queue.clear()
            self._changed.notify_all()

    def submit(self, order: Order) -> Placement:
        """Queue an order.

        Raises:
            Problem: 503, the queue is full, or the service stops.

        """
        with self._changed:
            if self._stopping:
                raise _stopping()
            if len(self._queue) >= self._limit:
                raise _busy(len(self._queue), self._per_second)
            placement = Placement(order, self.results)
            self._queue.append(placement)
            self._changed.notify_all()
        return placement

    def look_up(self, order: Order) -> Placement:
        """Queue an order that an earlier process may have sent: it is looked up, and never sent."""
        placement = Placement(order, Counter())
        placement.unclear = placement.started = placement.given_up = True
        with self._changed:
            self._queue.append(placement)
            self._changed.notify_all()
        return placement

    def already(self, order: Order, call: Call) -> Placement:
        """Return the placement of an order that an earlier process has placed."""
        placement = Placement(order, Counter())
        placement.finish(call)
        return placement

    def result(self, placement: Placement, seconds: float = PATIENCE_SECONDS) -> Call:
        """Wait for an order's call.

        Raises:
            Problem: it was not placed, or its result is unknown.

        """
        if not placement.wait(seconds):
            self._give_up(placement)
        if placement.problem is not None:
            raise placement.problem
        if placement.call is None:
            raise _unknown(placement.order.id)
        return placement.call

    def _give_up(self, placement: Placement) -> None:
        """Withdraw an unsent order; a sent one is only looked up from now on."""
        with self._changed:
            if placement.is_done:
                return
            placement.given_up = True
            if not placement.started or (placement in self._queue and not placement.unclear):
                waiting = len(self._queue)
                self._queue.remove(placement)
                placement.finish(None, _busy(waiting, self._per_second))

    def _run(self) -> None:
        while (placement := self._next()) is not None:
            try:
                self._place(placement)
            except Exception as error:
                logger.error("call_failed", call=placement.order.id, exc_info=error)
                problem = Problem(
                    500, "internal_error", "an internal error occurred", "see the service's log"
                )
                placement.finish(None, problem)

    def _next(self) -> Placement | None:
        """Wait until the next order may be sent; None when the service stops."""
        with self._changed:
            while not self._stopping:
                now = self._clock()
                if not self._queue:
                    self._changed.wait()
                elif (pause := max(self._not_before - now, self._window.wait(now))) > 0:
                    self._changed.wait(pause)
                else:
                    placement = self._queue.popleft()
                    placement.started = True
                    return placement
        return None

    def _place(self, placement: Placement) -> None:
        order = placement.order
        try:
            if placement.unclear:
                placement.lookups += 1
                if call := order.look_up():
                    logger.info("call_found", call=order.id, leg=call.uuid)
                    placement.finish(call)
                    return
                placement.unclear = False
                if placement.given_up:
                    placement.finish(None, _busy(len(self._queue), self._per_second))
                    return
            if self._stopping:
                placement.finish(None, _stopping())
                return
            self._window.sent()
            try:
                call = order.send()
            finally:
                self._window.answered(self._clock())
            placement.finish(call)
        except Throttled as throttled:
            logger.warning("call_throttled", call=order.id, seconds=throttled.seconds)
            self._again(placement, throttled.seconds)
        except NoAnswer as error:
            logger.warning("call_unanswered", call=order.id, message=str(error))
            placement.unclear = True
            self._again(placement, LOOKUP_SECONDS)
        except Problem as problem:
            placement.finish(None, problem)

    def _again(self, placement: Placement, seconds: float) -> None:
        """Put an order back to the head of the queue, and send nothing for some seconds."""
        with self._changed:
            if self._stopping:
                placement.finish(None, _interrupted(placement))
                return
            if placement.given_up and not placement.unclear:
                placement.finish(None, _busy(len(self._queue), self._per_second))
                return
            if placement.given_up and placement.lookups >= MOST_LOOKUPS:
                placement.finish(None, _unknown(placement.order.id))
                return
            self._queue.appendleft(placement)
            self._not_before = self._clock() + seconds


def _busy(waiting: int, per_second: int) -> Problem:
    seconds = max(1, math.ceil(waiting / per_second))
    return Problem(
        503,
        "queue_full",
        f"{waiting} calls wait to be placed, at {per_second} a second; this one was not placed",
        "try again after the seconds in Retry-After; CALLS_PER_SECOND may be raised if Vonage has",
        {"Retry-After": str(seconds)},
    )


def _stopping() -> Problem:
    message = "the service is stopping; this call was not placed"
    hint = "try again after the seconds in Retry-After"
    return Problem(503, "stopping", message, hint, {"Retry-After": "5"})


def _interrupted(placement: Placement) -> Problem:
    return _unknown(placement.order.id) if placement.unclear else _stopping()


def _unknown(order: str) -> Problem:
    return Problem(
        504,
        "call_unknown",
        "the call was sent to the platform, which did not say whether it was placed",
        f"do not repeat it before GET /calls/{order} shows its state",
    )
