"""The file that keeps Idempotency-Keys: what it remembers, and what it makes of a broken one."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ncco_service.calls.journal import KEPT_SECONDS, Entry, Journal
from ncco_service.calls.requests import NewCall

WANTED = NewCall.model_validate({"to": "447700900123", "from": "447700900001", "headers": {"n": 7}})
Events = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give the path of a journal that is not there yet."""
    return tmp_path / "calls.jsonl"


def test_what_it_remembers(file: Path) -> None:
    """The latest that was noted of each call, over any number of restarts."""
    journal = Journal(file, lambda: 1000.0)
    assert journal.read() == ([], [])
    for call in ("placed", "sent", "refused"):
        journal.submitted(f"key-{call}", call, WANTED)
    journal.placed("placed", "a-leg", "CON-1")
    journal.refused("refused")
    expected = [
        Entry("key-placed", "placed", WANTED, 1000.0, "a-leg", "CON-1"),
        Entry("key-sent", "sent", WANTED, 1000.0),
    ]
    assert journal.read() == (expected, [])
    assert Journal(file, lambda: 2000.0).read() == (expected, [])
    assert len(file.read_text().splitlines()) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_meetings_are_remembered_in_their_order(file: Path) -> None:
    """For a day, as calls are; a broken note costs no other."""
    Journal(file, lambda: 1000.0).meeting("expect", ("yesterday", "standup"))
    now = 1000.0 + KEPT_SECONDS
    journal = Journal(file, lambda: now)
    for leg in ("a", "b"):
        journal.meeting("expect", (leg, "standup"))
    with file.open("a") as more:
        more.write('{"meeting": "expect"}\n{"meeting": "expect", "given": 7, "at": 1}\n')
    expected = [("expect", ["a", "standup"]), ("expect", ["b", "standup"])]
    assert journal.read() == ([], expected)
    assert Journal(file, lambda: now).read() == ([], expected)
    assert len(file.read_text().splitlines()) == 2


def test_a_day_is_long_enough(file: Path) -> None:
    """Older entries are forgotten, in the file, too."""
    Journal(file, lambda: 1000.0).submitted("key", "call", WANTED)
    assert Journal(file, lambda: 1000.0 + KEPT_SECONDS).read() == ([], [])
    assert file.read_text() == ""


def test_a_process_that_runs_for_long_does_not_fill_the_disk(file: Path) -> None:
    """However long it runs, a day of calls is remembered, and little more is kept."""
    now = 1000.0
    journal, hours = Journal(file, lambda: now), range(7 * 24)
    journal.read()
    for hour in hours:
        now += 3600
        journal.submitted(f"key-{hour}", f"call-{hour}", WANTED)
        journal.placed(f"call-{hour}", f"leg-{hour}", "CON")
    lines = [line for each in file.parent.iterdir() for line in each.read_text().splitlines()]
    assert len(lines) <= 2 * 3 * 24
    entries, _ = Journal(file, lambda: now).read()
    assert [entry.leg for entry in entries] == [f"leg-{hour}" for hour in hours[-24:]]
    assert list(file.parent.iterdir()) == [file]
    assert len(file.read_text().splitlines()) == 24


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "7", '{"call": "x"}', '{"call": "x", "key": "k", "wanted": {"to": "7"}}', "\0"],
)
def test_a_broken_line_costs_nothing_else(file: Path, events: Events, line: str) -> None:
    """A crash may cut the last line; what can be read counts."""
    journal = Journal(file, lambda: 1000.0)
    journal.submitted("key", "call", WANTED)
    with file.open("a") as more:
        more.write(line + "\n")
    journal.placed("call", "leg", "CON")
    ((entry,), _) = journal.read()
    assert (entry.key, entry.leg) == ("key", "leg")
    assert json.loads(file.read_text())["call"] == "call"


def test_a_file_that_cannot_be_written(file: Path, events: Events) -> None:
    """It is an error in the log, that names the setting."""
    file.mkdir()
    journal = Journal(file)
    assert journal.read() == ([], [])
    journal.submitted("key", "call", WANTED)
    assert len(events("journal_failed")) == 2
    assert "CALLS_FILE" in events("journal_failed")[0]["message"]
