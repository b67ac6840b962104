"""Templates: documents that a user edits, read, checked, and filled for one call.

Placeholders such as `${uuid}` stand inside string values. They are filled after the JSON was
parsed and in one pass, so nothing that a caller sends changes the shape of the document or is
itself expanded.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ncco_service.ncco.unchecked import is_websocket
from ncco_service.ncco.validation import problems_of
from ncco_service.ncco.warnings import literal_placeholders, warnings_of

__all__ = ["NUMBER", "OUTBOUND", "PLACEHOLDERS", "Template", "TemplateError", "fill", "load"]

# Each placeholder with a value of the kind it gets, for the check at the start.
PLACEHOLDERS: dict[str, str] = {
    "socket_url": "wss://voice.example.org/socket",
    "events_url": "https://voice.example.org/webhooks/events",
    "from": "447700900000",
    "to": "447700900001",
    "uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "conversation_uuid": "CON-aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
}

# Any other field of the answer webhook: ${query.SipHeader_X-UserId}. A sample as for `from`.
_QUERY = re.compile(r"query\.[A-Za-z0-9_.-]{1,100}")
_QUERY_SAMPLE = "447700900000"
# Of a call that we start: its conversation is not known before it is placed.
OUTBOUND = {name: value for name, value in PLACEHOLDERS.items() if name != "conversation_uuid"}

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)\}")
_URLS = ("${socket_url}", "${events_url}")
NUMBER = re.compile(r"[1-9][0-9]{6,14}")


class TemplateError(Exception):
    """A document cannot be used; `problems` has a line for each thing to correct."""

    def __init__(self, file: Path, problems: list[str]) -> None:
        super().__init__("\n".join(f"{file}: {problem}" for problem in problems))
        self.problems = tuple(problems)


class Template:
    """A valid document with placeholders.

    Args:
        file: where it comes from.
        document: unfilled.
        warnings: constructs whose behaviour is surprising.
        query: the names of the webhook's fields that it has as `${query.NAME}`.

    """

    def __init__(
        self,
        file: Path,
        document: list[dict[str, Any]],
        warnings: Sequence[str] = (),
        query: Iterable[str] = (),
    ) -> None:
        self.file = file
        self.document = document
        self.warnings = tuple(warnings)
        self.query = frozenset(query)

    def fill(self, values: Mapping[str, str]) -> list[dict[str, Any]]:
        """Make the document for one call.

        A `from` in a `connect` that is filled and no number afterwards (a hidden caller, an
        app's user) is left out: it is optional, and means nothing then.

        Args:
            values: the values of all placeholders that it may hold, and `query.NAME` for all of
                `query`.

        Raises:
            TemplateError: the values make it a document that the platform would refuse.

        """
        filled = fill(self.document, values)
        document = [
            _without_bad_from(action, raw)
            for action, raw in zip(filled, self.document, strict=True)
        ]
        if problems := problems_of(document):
            raise TemplateError(self.file, problems)
        return document

    def connect(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Fill only the last action that connects to a socket.

        Args:
            values: as in `fill`; fields of `query` may be missing, and are empty then.

        Raises:
            TemplateError: the document has no such action.

        """
        for action in reversed(self.document):
            if is_websocket(action):
                known = dict.fromkeys((f"query.{name}" for name in self.query), "")
                filled: dict[str, Any] = fill(action, known | dict(values))
                return _without_bad_from(filled, action)
        raise TemplateError(self.file, ["has no action that connects to a socket"])


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """Fill the placeholders in all strings of a parsed document; keys and shape stay.

    Within a URL the value of a `query.NAME` is escaped, so that it changes nothing else of it.

    Raises:
        KeyError: a placeholder that has no value.

    """
    if isinstance(value, str):

        def filled(match: re.Match[str]) -> str:
            before = value[: match.start()]
            in_url = "://" in before or before.startswith(_URLS)
            found = values[match[1]]
            return quote(found, safe="") if in_url and _QUERY.fullmatch(match[1]) else found

        return _PLACEHOLDER.sub(filled, value) if "${" in value else value
    if isinstance(value, list):
        return [fill(item, values) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, values) for key, item in value.items()}
    return value


def load(
    file: Path, placeholders: Mapping[str, str] = PLACEHOLDERS, *, may_be_empty: bool = False
) -> Template:
    """Read a document and validate it.

    Args:
        file: JSON, UTF-8.
        placeholders: which it may hold, each with a value of the kind it gets; a fallback has none,
            since it must be valid whatever a caller sends.
        may_be_empty: whether it may have no action at all.

    Raises:
        TemplateError: naming the file and everything that is wrong with it.

    """
    document = _read(file)
    if may_be_empty and document == []:
        return Template(file, [])
    try:
        query = _query_names(document) if placeholders is PLACEHOLDERS else set()
        samples = {**placeholders, **dict.fromkeys(query, _QUERY_SAMPLE)}
        problems = _wrong_placeholders(document, samples)
        filled = fill(document, samples) if not problems else document
        problems = problems or problems_of(filled)
    except RecursionError:
        problems = ["is nested too deeply"]
    if problems:
        raise TemplateError(file, problems)
    warnings = warnings_of(filled) + literal_placeholders(document, list(PLACEHOLDERS))
    names = {name.removeprefix("query.") for name in query}
    return Template(file, document, warnings, names)


def _query_names(value: Any) -> set[str]:
    if isinstance(value, str):
        names = (match[1] for match in _PLACEHOLDER.finditer(value))
        return {name for name in names if _QUERY.fullmatch(name)}
    parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return {name for part in parts for name in _query_names(part)}


def _read(file: Path) -> Any:
    try:
        return json.loads(
            file.read_bytes().decode("utf-8-sig"),
            object_pairs_hook=_without_repetition,
            parse_constant=_no_constant,
        )
    except OSError as error:
        settings = "the setting NCCO_..._FILE that names it"
        problem = f"cannot be read ({error.strerror}); check the path in {settings}"
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}; save it as UTF-8"
    except json.JSONDecodeError as error:
        problem = f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        problem = "is nested too deeply"
    except ValueError as error:
        problem = f"is not JSON as the platform accepts it: {error}"
    raise TemplateError(file, [problem])


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"the field {', '.join(twice)} appears more than once")
    return fields


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


def _wrong_placeholders(value: Any, known: Mapping[str, str], path: str = "") -> list[str]:
    if isinstance(value, str):
        names = [name for name in known if not _QUERY.fullmatch(name)] + ["query.NAME"]
        allowed = ", ".join(f"${{{name}}}" for name in names) if known else "none in this file"
        unknown = [match[0] for match in _PLACEHOLDER.finditer(value) if match[1] not in known]
        return [f"{path}: saw the placeholder {name}; allowed: {allowed}" for name in unknown]
    if isinstance(value, list):
        parts = [
            (f"action {n}" if path == "" else f"{path}[{n - 1}]", part)
            for n, part in enumerate(value, 1)
        ]
    elif isinstance(value, dict):
        for key in value:
            if _PLACEHOLDER.search(key):
                return [f"{path}: saw {key!r} as a field's name; allowed: placeholders in values"]
        joint = ": " if path.startswith("action") and ":" not in path else "."
        parts = [(f"{path}{joint}{key}", part) for key, part in value.items()]
    else:
        return []
    return [line for where, part in parts for line in _wrong_placeholders(part, known, where)]


def _without_bad_from(action: dict[str, Any], raw: dict[str, Any]) -> dict[str, Any]:
    if action.get("action") != "connect" or "from" not in action:
        return action
    if action["from"] == raw["from"] or NUMBER.fullmatch(action["from"]):
        return action
    return {key: value for key, value in action.items() if key != "from"}
