"""Journal: the file that keeps Idempotency-Keys, their calls, and meetings over a restart.

A line of JSON is appended before a call is sent and when its result is known, so a process that is
killed in between leaves a key without a result: such a call is looked up, and never sent again.
Whatever changes a meeting is a line as well. Once a day the file is renamed to `NAME.before` and a
new one is begun: both together hold three days at most.
"""

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
from pydantic import ValidationError

from ncco_service.calls.requests import NewCall

__all__ = ["Entry", "Journal", "Note"]

logger = structlog.get_logger()

KEPT_SECONDS = 24 * 3600  # no call lasts longer, and so nobody is in a meeting for longer

Note = tuple[str, list[Any]]
"""What changed a meeting: the name of the change, and its arguments."""


@dataclass(frozen=True)
class Entry:
    """A call with an Idempotency-Key.

    Attributes:
        key: the Idempotency-Key.
        call: our own name for the call.
        wanted: what was asked for.
        since: seconds since 1970.
        leg: the platform's uuid; None while it is not known.
        conversation: likewise.

    """

    key: str
    call: str
    wanted: NewCall
    since: float
    leg: str | None = None
    conversation: str | None = None


class Journal:
    """The journal of one process: no other may write to the same file.

    A file that cannot be written is an error in the log; calls are placed all the same.

    Args:
        file: its path; created if it does not exist.
        wall: seconds since 1970.

    """

    def __init__(self, file: Path, wall: Callable[[], float] = time.time) -> None:
        self._file = file
        self._before = file.with_name(f"{file.name}.before")
        self._wall = wall
        self._begun = wall()

    def read(self) -> tuple[list[Entry], list[Note]]:
        """Return the calls and the notes of the last day, and drop the others from the file."""
        entries: dict[str, Entry] = {}
        notes: list[dict[str, Any]] = []
        try:
            text = _text(self._before) + _text(self._file)
        except OSError as error:
            self._failed(error)
            return [], []
        if not text:
            return [], []
        for line in text.splitlines():
            _apply(entries, notes, line)
        self._begun = self._wall()
        oldest = self._begun - KEPT_SECONDS
        kept = [entry for entry in entries.values() if entry.since > oldest]
        notes = [note for note in notes if note["at"] > oldest]
        self._replace("".join(_line(**each) for each in [*map(_fields, kept), *notes]))
        return kept, [(note["meeting"], note["given"]) for note in notes]

    def submitted(self, key: str, call: str, wanted: NewCall) -> None:
        """Note a call that is about to be sent."""
        self._append(_fields(Entry(key, call, wanted, self._wall())))

    def placed(self, call: str, leg: str | None, conversation: str | None) -> None:
        """Note the platform's uuids of a call."""
        self._append({"call": call, "leg": leg, "conversation": conversation})

    def refused(self, call: str) -> None:
        """Note that a call was not placed: its key may be used again."""
        self._append({"call": call, "refused": True})

    def meeting(self, what: str, given: tuple[Any, ...]) -> None:
        """Note what changes a meeting: the name of the change, and its arguments as plain JSON."""
        self._append({"meeting": what, "given": given, "at": self._wall()})

    def _append(self, fields: dict[str, Any]) -> None:
        try:
            self._begin_anew()
            # It holds telephone numbers, so only its owner may read it.
            with open(self._file, "a", encoding="utf-8", opener=_private) as file:
                file.write(_line(**fields))
        except OSError as error:
            self._failed(error)

    def _begin_anew(self) -> None:
        """Begin a new file if the current one is a day old; the oldest one is dropped."""
        now = self._wall()
        if now - self._begun > KEPT_SECONDS:
            self._begun = now
            with contextlib.suppress(FileNotFoundError):  # there was no call
                self._file.replace(self._before)

    def _replace(self, text: str) -> None:
        """Put the text into the file, instead of all that both files hold."""
        new = None
        try:
            descriptor, new = tempfile.mkstemp(dir=self._file.parent, prefix=self._file.name)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(new).replace(self._file)
            self._before.unlink(missing_ok=True)
        except OSError as error:
            self._failed(error)
            if new is not None:
                with contextlib.suppress(OSError):
                    Path(new).unlink(missing_ok=True)

    def _failed(self, error: OSError) -> None:
        logger.error(
            "journal_failed",
            message=f"{self._file} cannot be used ({error.strerror}): after a restart a repeated "
            "Idempotency-Key would call again, and meetings would be forgotten; correct "
            "CALLS_FILE, or what it names",
        )


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return ""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _fields(entry: Entry) -> dict[str, Any]:
    wanted = entry.wanted.model_dump(mode="json", by_alias=True)
    return {
        "call": entry.call,
        "key": entry.key,
        "wanted": wanted,
        "since": entry.since,
        "leg": entry.leg,
        "conversation": entry.conversation,
    }


def _line(**fields: Any) -> str:
    return json.dumps(fields, separators=(",", ":")) + "\n"


def _apply(entries: dict[str, Entry], notes: list[dict[str, Any]], line: str) -> None:
    """Add what a line says; one that was cut by a crash says nothing."""
    try:
        fields = json.loads(line)
        if "meeting" in fields:
            what, given, at = str(fields["meeting"]), list(fields["given"]), float(fields["at"])
            notes.append({"meeting": what, "given": given, "at": at})
            return
        call = fields["call"]
        if "key" in fields:
            wanted = NewCall.model_validate_json(json.dumps(fields["wanted"]))
            since, leg = float(fields["since"]), fields["leg"]
            entries[call] = Entry(fields["key"], call, wanted, since, leg, fields["conversation"])
        elif fields.get("refused"):
            entries.pop(call, None)
        elif call in entries:
            uuids = {"leg": fields["leg"], "conversation": fields["conversation"]}
            entries[call] = replace(entries[call], **uuids)
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError):
        logger.warning("journal_line", message="CALLS_FILE has a line that cannot be read")
