"""An NCCO as received, field by field, each with the platform's verdict."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from phone.platform.ncco.document import NccoError, parse

__all__ = ["Row", "judged"]

ROWS_MAX = 400
WHERE = re.compile(r"(?:\[\d+\]|\.[\w-]+)+")

Verdict = Literal["taken", "refused", "warning"]


@dataclass(frozen=True)
class Row:
    """One field of an NCCO, with its verdict.

    Args:
        where: its path, such as `[1].endpoint[0].uri`; empty for the document itself.
        value: as JSON; empty where the field is missing.
        verdict: of the platform.
        words: what is wrong, or may be.

    """

    where: str
    value: str
    verdict: Verdict = "taken"
    words: str = ""


def judged(body: str) -> list[Row]:
    """Return a reply's fields with their verdicts; empty when the reply is no NCCO at all.

    Args:
        body: the reply's text.

    """
    if not body.lstrip().startswith("["):
        return []
    said: list[tuple[str, Verdict, str]] = []
    try:
        said = [_warning(text) for text in parse(body.encode()).warnings]
    except NccoError as error:
        said = [(fault.where, "refused", _why(fault.wrong, fault.seen)) for fault in error.faults]
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = []
    rows = dict(list(_fields("", document))[:ROWS_MAX])
    found = {where: Row(where, value) for where, value in rows.items()}
    for where, verdict, words in said:
        found[where] = Row(where, rows.get(where, ""), verdict, words)
    return sorted(found.values(), key=lambda row: _order(row.where))


def _why(wrong: str, seen: str) -> str:
    return f"{wrong} (seen: {seen})" if seen else wrong


def _warning(text: str) -> tuple[str, Verdict, str]:
    place = WHERE.match(text)
    where = place[0] if place else ""
    return where, "warning", text[len(where) :].strip()


def _fields(where: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and value and len(where) < 200:
        for index, item in enumerate(value):
            yield from _fields(f"{where}[{index}]", item)
    elif isinstance(value, dict) and value and len(where) < 200:
        for name, item in value.items():
            yield from _fields(f"{where}.{name}", item)
    else:
        yield where, json.dumps(value, ensure_ascii=False)


def _order(where: str) -> list[tuple[int, str]]:
    """Return what sorts actions by their number; within one, the order of names will do."""
    return [
        (int(part), "") if part.isdigit() else (-1, part)
        for part in re.split(r"[\[\].]+", where)
        if part
    ]
