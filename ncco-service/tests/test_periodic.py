"""Background jobs: they repeat, survive their own errors, and stop."""

import queue
from collections.abc import Callable
from typing import Any

import pytest
from ncco_service import periodic
from ncco_service.periodic import Periodic

Events = Callable[[str], list[dict[str, Any]]]


def test_a_job_repeats_until_stopped() -> None:
    """With the pause that it asks for; a long pause does not delay the stop."""
    runs: queue.Queue[int] = queue.Queue()
    pauses = [0.0, 0.001, 3600.0]

    def job() -> float:
        runs.put(len(pauses))
        return pauses.pop(0)

    background = Periodic("test", job)
    background.start()
    assert [runs.get(timeout=60) for _ in range(3)] == [3, 2, 1]
    background.stop()
    background.join(60)
    assert not background._thread.is_alive()


def test_an_error_does_not_end_it(monkeypatch: pytest.MonkeyPatch, events: Events) -> None:
    """It is logged with the job's name, and the job runs again."""
    monkeypatch.setattr(periodic, "_AFTER_FAILURE_SECONDS", 0.001)
    runs: queue.Queue[None] = queue.Queue()

    def job() -> float:
        runs.put(None)
        raise RuntimeError("a bug")

    background = Periodic("broken", job)
    background.start()
    for _ in range(3):
        runs.get(timeout=60)
    background.stop()
    background.join(60)
    assert {fields["job"] for fields in events("background_job_failed")} == {"broken"}


def test_stopping_before_the_start_is_harmless() -> None:
    """A service that is built only to be checked has no threads."""
    background = Periodic("test", lambda: 1.0)
    background.stop()
    background.join(1)
