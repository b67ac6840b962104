"""Work beside the requests: it repeats, survives its own faults, and stops when told."""

import queue
from collections.abc import Callable
from typing import Any

import pytest
from ncco_service import background
from ncco_service.background import Periodic

Events = Callable[[str], list[dict[str, Any]]]


def test_a_job_repeats_until_stopped() -> None:
    """With the pause that it asks for; a long pause does not delay the stop."""
    runs: queue.Queue[int] = queue.Queue()
    pauses = [0.0, 0.001, 3600.0]

    def job() -> float:
        runs.put(len(pauses))
        return pauses.pop(0)

    periodic = Periodic("test", job)
    periodic.start()
    assert [runs.get(timeout=20) for _ in range(3)] == [3, 2, 1]
    periodic.stop()
    periodic.join(5)
    assert not periodic._thread.is_alive()


def test_a_fault_does_not_end_it(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    """It is logged with the thread's name, and the job runs again."""
    monkeypatch.setattr(background, "_AFTER_A_FAULT", 0.001)
    runs: queue.Queue[None] = queue.Queue()

    def job() -> float:
        runs.put(None)
        raise RuntimeError("a bug")

    periodic = Periodic("broken", job)
    periodic.start()
    for _ in range(3):
        runs.get(timeout=20)
    periodic.stop()
    periodic.join(5)
    assert {fields["thread"] for fields in events("background_fault")} == {"broken"}


def test_stopping_what_never_started_is_no_harm() -> None:
    """A service that is built only to be checked has no threads."""
    periodic = Periodic("test", lambda: 1.0)
    periodic.stop()
    periodic.join(1)
