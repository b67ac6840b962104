"""Environment variables: parsing, and the errors of wrong values."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

__all__ = [
    "Variable",
    "base_url",
    "choice",
    "duration",
    "integer",
    "read_secret",
    "secret",
    "setting",
    "switch",
]

T = TypeVar("T")
N = TypeVar("N", int, float)


@dataclasses.dataclass(frozen=True)
class Variable:
    """One environment variable: its name, its default ("" is unset), and what it is for."""

    name: str
    default: str
    help: str


def integer(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """Accept an integer from `low` to `high`; `unit` is for the error, such as " of bytes"."""
    return _between(int, low, high, f"an integer{unit} from {low} to {high}")


def duration(unit: str, low: float, high: float) -> Callable[[str], float]:
    """Accept a duration from `low` to `high`, in `unit`, such as "seconds"; no 1e3, nor inf."""
    return _between(_plain, low, high, f"{unit} from {low:.12g} to {high:.12g}, in plain digits")


def _plain(value: str) -> float:
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        raise ValueError
    return float(value)


def _between(
    convert: Callable[[str], N], low: float, high: float, wanted: str
) -> Callable[[str], N]:
    def parse(value: str) -> N:
        with contextlib.suppress(ValueError):
            number = convert(value)
            if low <= number <= high:
                return number
        raise ValueError(f"give {wanted}")

    return parse


def choice(*choices: str) -> Callable[[str], str]:
    """Accept one of some words, in any case; "" among them stands for unset."""

    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"give one of {', '.join(filter(None, choices))}")
        return value.lower()

    return parse


def base_url(value: str) -> str:
    """Accept an http or https URL that paths are appended to; "" stands for unset."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(value)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if not value or (known and not parts.query and not parts.fragment):
            return value.rstrip("/")
    raise ValueError("give a URL such as http://collector:4318")


def switch(value: str) -> bool:
    """Accept on or off, in one of the usual words."""
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("give 1 or 0")


def setting(default: str, parse: Callable[[str], T], help: str) -> T:
    """Return a dataclass field that is read from the variable of its name in capitals.

    Args:
        default: as one would write it into the environment.
        parse: returns the value; raises `ValueError` with what to give instead.
        help: what it is for.

    """
    metadata = {"default": default, "parse": parse, "help": help, "secret": False}
    return dataclasses.field(default=parse(default), metadata=metadata)


def secret(shortest: int, help: str) -> str:
    """Return a dataclass field for a secret, which may also be in a file named by NAME_FILE.

    Args:
        shortest: characters that it must have.
        help: what it is for.

    """

    def parse(value: str) -> str:
        if len(value) < shortest:
            raise ValueError(
                f"it has {len(value)} characters; give {shortest} or more (openssl rand -hex 32)"
            )
        return value

    metadata = {"default": "", "parse": parse, "help": help, "secret": True}
    return dataclasses.field(default="", repr=False, metadata=metadata)


def read_secret(name: str, environ: Mapping[str, str]) -> str:
    """Return the secret NAME, or what the file NAME_FILE holds; an empty file is unset.

    Raises:
        ValueError: both are set, or the file cannot be read.

    """
    given = environ.get(name, "").strip()
    path = environ.get(f"{name}_FILE", "").strip()
    if given and path:
        raise ValueError(f"{name}_FILE is set as well; unset one of them")
    if not path:
        return given
    try:
        return Path(path).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE is {path[:80]!r}, which cannot be read: {error}") from None
