"""The queue of calls: in order, at the platform's pace, none twice, none lost."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from ncco_service.calls.dispatcher import QUEUE_SECONDS, Dispatcher
from ncco_service.calls.platform_errors import NoAnswer, Throttled
from ncco_service.calls.voice_api import Call
from ncco_service.http.errors import Problem


class Platform:
    """Places calls as a test says; `troubles` come first, one for each attempt."""

    def __init__(self, *troubles: Exception, placed_all_the_same: bool = False) -> None:
        self.troubles = list(troubles)
        self.placed: list[str] = []
        self.sent_at: list[float] = []
        self._all_the_same = placed_all_the_same

    def send(self, order: str) -> Call:
        """Take a call."""
        self.sent_at.append(time.monotonic())
        if self.troubles:
            trouble = self.troubles.pop(0)
            if self._all_the_same and isinstance(trouble, NoAnswer):
                self.placed.append(order)
            raise trouble
        self.placed.append(order)
        return Call(f"leg-{order}", "CON")

    def look_up(self, order: str) -> Call | None:
        """Say whether it has a call."""
        return Call(f"leg-{order}", "CON") if order in self.placed else None


class Order:
    """A call to place."""

    def __init__(self, platform: Platform, name: str) -> None:
        self.id = name
        self._platform = platform

    def send(self) -> Call:
        """Send it."""
        return self._platform.send(self.id)

    def look_up(self) -> Call | None:
        """Look it up."""
        return self._platform.look_up(self.id)


@pytest.fixture
def start() -> Iterator[Callable[[int], Dispatcher]]:
    """Give a starter of dispatchers."""
    running: list[Dispatcher] = []

    def started(per_second: int) -> Dispatcher:
        running.append(Dispatcher(per_second))
        running[-1].start()
        return running[-1]

    yield started
    for dispatcher in running:
        dispatcher.stop()


def place(dispatcher: Dispatcher, platform: Platform, *names: str) -> list[str]:
    """Place some calls; return the legs or the errors' names, in the order of the names."""
    orders = [dispatcher.submit(Order(platform, name)) for name in names]

    def result(order: object) -> str:
        try:
            return dispatcher.result(order).uuid  # type: ignore[arg-type]
        except Problem as problem:
            return problem.slug

    with ThreadPoolExecutor(len(names)) as pool:
        return list(pool.map(result, orders))


def test_in_order_and_at_a_pace(start: Callable[[int], Dispatcher]) -> None:
    """Eight calls at four a second: never more than four in any second."""
    platform = Platform()
    names = [f"n{n}" for n in range(8)]
    assert place(start(4), platform, *names) == [f"leg-{name}" for name in names]
    assert platform.placed == names
    for first, fifth in zip(platform.sent_at, platform.sent_at[4:], strict=False):
        assert fifth - first >= 1.0


def test_throttled_goes_back_to_the_head(start: Callable[[int], Dispatcher]) -> None:
    """429 for the first: it is still placed first, once."""
    platform = Platform(Throttled(0.2), Throttled(0.2))
    assert place(start(50), platform, "a", "b", "c") == ["leg-a", "leg-b", "leg-c"]
    assert platform.placed == ["a", "b", "c"]


@pytest.mark.parametrize("placed", [True, False])
def test_what_got_no_answer_is_looked_up(
    start: Callable[[int], Dispatcher], monkeypatch: pytest.MonkeyPatch, placed: bool
) -> None:
    """500 for the first, whether it was placed or not: it is placed once, and the rest follow."""
    monkeypatch.setattr("ncco_service.calls.dispatcher.LOOKUP_SECONDS", 0.1)
    platform = Platform(NoAnswer("500"), placed_all_the_same=placed)
    assert place(start(50), platform, "a", "b") == ["leg-a", "leg-b"]
    assert platform.placed == ["a", "b"]


def test_a_refusal_is_the_callers(start: Callable[[int], Dispatcher]) -> None:
    """It is not tried again; others are placed. Each result is counted."""
    platform = Platform(Problem(400, "platform_refused", "no", "correct it"))
    dispatcher = start(50)
    assert place(dispatcher, platform, "a", "b") == ["platform_refused", "leg-b"]
    assert dispatcher.results == {"platform_refused": 1, "placed": 1}


def test_a_full_queue_says_when_to_come_back() -> None:
    """503 with the seconds that the queue takes; what waits is not lost by it."""
    dispatcher = Dispatcher(2)  # not started: nothing leaves the queue
    platform = Platform()
    for n in range(2 * QUEUE_SECONDS):
        dispatcher.submit(Order(platform, f"n{n}"))
    with pytest.raises(Problem) as refused:
        dispatcher.submit(Order(platform, "too many"))
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "20"})


def test_who_waits_too_long_is_told_and_nothing_is_placed_then() -> None:
    """The order leaves the queue."""
    dispatcher, platform = Dispatcher(1), Platform()
    order = dispatcher.submit(Order(platform, "a"))
    with pytest.raises(Problem) as refused:
        dispatcher.result(order, seconds=0.05)
    assert refused.value.status == 503
    dispatcher.start()
    assert place(dispatcher, platform, "b") == ["leg-b"]
    assert platform.placed == ["b"]
    dispatcher.stop()


def test_a_stop_places_nothing_more_and_answers_those_who_wait(
    start: Callable[[int], Dispatcher],
) -> None:
    """Told while the first is being placed."""
    dispatcher = start(50)

    class Stopping(Platform):
        def send(self, order: str) -> Call:
            dispatcher.refuse()
            return super().send(order)

    platform = Stopping()
    waiting = [dispatcher.submit(Order(platform, f"n{n}")) for n in range(5)]
    assert waiting[0].wait(60)
    threading.Timer(0.1, dispatcher.stop).start()
    slugs = []
    for order in waiting[1:]:
        with pytest.raises(Problem) as refused:
            dispatcher.result(order, seconds=60)
        slugs.append(refused.value.slug)
    assert slugs == ["stopping"] * 4
    assert platform.placed == ["n0"]
    with pytest.raises(Problem, match="stopping"):
        dispatcher.submit(Order(platform, "late"))


def test_a_platform_that_never_answers(
    start: Callable[[int], Dispatcher], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller is told that nobody knows, with the name to ask for later; others follow."""
    monkeypatch.setattr("ncco_service.calls.dispatcher.LOOKUP_SECONDS", 0.02)
    monkeypatch.setattr("ncco_service.calls.dispatcher.MOST_LOOKUPS", 3)

    looked_up = threading.Event()

    class Silent(Platform):
        def look_up(self, order: str) -> Call | None:
            if order == "a":
                looked_up.set()
                raise NoAnswer("nothing")
            return super().look_up(order)

    platform = Silent(NoAnswer("nothing"))
    dispatcher = start(50)
    first = dispatcher.submit(Order(platform, "a"))
    assert looked_up.wait(60)
    with pytest.raises(Problem) as unknown:
        dispatcher.result(first, seconds=0.1)
    assert (unknown.value.status, "GET /calls/a" in unknown.value.hint) == (504, True)
    assert place(dispatcher, platform, "b") == ["leg-b"]
    assert platform.placed == ["b"]
