"""An NCCO as received, field by field, each with the platform's verdict."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from phone.platform.ncco.document import NccoError, parse
from phone.words import printable

__all__ = ["Row", "judged"]

ROWS_MAX = 400
TEXT_SHOWN = 200  # characters of what is no JSON
WHERE = re.compile(r"(?:\[\d+\]|\.[\w-]+)+")

Verdict = Literal["taken", "refused", "warning", "unused"]


@dataclass(frozen=True)
class Row:
    """One field of an NCCO, with its verdict.

    Args:
        where: its path, such as `[1].endpoint[0].uri`; empty for the document itself.
        value: as JSON, `…` for what has fields of its own; empty where the field is missing.
        verdict: of the platform; `unused`: nothing is wrong with it, but something else in the
            NCCO is refused, and with it the whole.
        words: what is wrong, or may be.

    """

    where: str
    value: str
    verdict: Verdict = "taken"
    words: str = ""


def judged(body: str) -> list[Row]:
    """Return an NCCO's fields in their order, with their verdicts.

    Args:
        body: the reply's text.

    """
    said: list[tuple[str, Verdict, str]] = []
    others: Verdict = "taken"
    try:
        said = [_warning(text) for text in parse(body.encode()).warnings]
    except NccoError as error:
        others = "unused"
        said = [(fault.where, "refused", _why(fault.wrong, fault.seen)) for fault in error.faults]
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    fields = [] if document is None else islice(_fields("", document), ROWS_MAX)
    rows = [Row(where, value, others) for where, value in fields]
    for where, verdict, words in said:
        _say(
            rows,
            Row(where, printable(body, TEXT_SHOWN) if document is None else "", verdict, words),
        )
    return rows


def _say(rows: list[Row], row: Row) -> None:
    """Put a verdict where its field stands, or would."""
    inside = [at for at, other in enumerate(rows) if _is_in(other.where, row.where)]
    if inside and rows[inside[0]].where == row.where:
        at = inside[0]
        words = "; ".join(filter(None, (rows[at].words, row.words)))
        rows[at] = replace(row, value=rows[at].value, words=words)
    elif inside:
        rows.insert(inside[0], replace(row, value=row.value or "…"))
    else:
        parent, _, _ = row.where.rpartition(".")
        beside = [at for at, other in enumerate(rows) if _is_in(other.where, parent)]
        rows.insert(beside[-1] + 1 if beside else len(rows), row)


def _is_in(where: str, place: str) -> bool:
    return where == place or where.startswith((f"{place}.", f"{place}["))


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
