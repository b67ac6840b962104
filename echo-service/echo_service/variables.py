"""Environment variables: how a text becomes a value, and what is said when it cannot."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

__all__ = [
    "Variable",
    "choice",
    "read_secret",
    "secret",
    "setting",
    "span",
    "switch",
    "text",
    "whole",
]

T = TypeVar("T")
N = TypeVar("N", int, float)


@dataclasses.dataclass(frozen=True)
class Variable:
    """One environment variable: its name, its default ("" is unset), why one would set it."""

    name: str
    default: str
    help: str


def text(value: str) -> str:
    """Take any text."""
    return value


def whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """Take a whole number from `low` to `high`; `unit` is for the words, " of bytes"."""
    return _between(int, low, high, f"a whole number{unit} from {low} to {high}")


def span(unit: str, low: float, high: float) -> Callable[[str], float]:
    """Take a time, in the unit named, from `low` to `high`."""
    return _between(float, low, high, f"{unit} from {low:g} to {high:g}")


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
    """Take one of some words, in any case; "" among them stands for unset."""

    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"give one of {', '.join(filter(None, choices))}")
        return value.lower()

    return parse


def switch(value: str) -> bool:
    """Take on or off, in one of the usual words."""
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("give 1 or 0")


def setting(name: str, default: str, parse: Callable[[str], T], help: str) -> T:
    """Make a field of a settings class out of a variable.

    Args:
        name: of the variable.
        default: as one would write it into the environment.
        parse: makes the value of what is given; raises `ValueError` with what to give instead.
        help: why one would set it.

    """
    variable = Variable(name, default, help)
    return dataclasses.field(
        default=parse(default), metadata={"variable": variable, "parse": parse}
    )


def secret(name: str, shortest: int, help: str) -> str:
    """Make a field for a secret, which may be in a file named by NAME_FILE, too.

    Args:
        name: of the variable.
        shortest: characters that it must have.
        help: why one would set it.

    """

    def parse(value: str) -> str:
        if len(value) < shortest:
            raise ValueError(
                f"it has {len(value)} characters; give {shortest} or more (openssl rand -hex 32)"
            )
        return value

    variable = Variable(name, "", help)
    in_file = Variable(f"{name}_FILE", "", "a file that holds it instead")
    metadata = {"variable": variable, "parse": parse, "in_file": in_file}
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
        return Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}_FILE is {path[:80]!r}, which cannot be read: {error}") from None
