"""Every setting: read once, validated at start.

A wrong setting stops the start with its name, what was seen, and what to do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["VARIABLES", "Settings", "SettingsError", "Variable"]

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Variable:
    """One environment variable: its name, its default ("" is unset), why one would set it."""

    name: str
    default: str
    help: str


class SettingsError(ValueError):
    """Says of every wrong variable what was seen and what to do, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _text(value: str) -> str:
    return value


def _whole(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    def parse(value: str) -> int:
        try:
            number = int(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"give a whole number{unit} from {low} to {high}")
        return number

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"give seconds from {low:g} to {high:g}")
        return number

    return parse


def _choice(*choices: str) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if value.lower() not in choices:
            raise ValueError(f"give one of {', '.join(choices)}")
        return value.lower()

    return parse


def _switch(value: str) -> bool:
    if value.lower() in ("1", "true", "yes", "on"):
        return True
    if value.lower() in ("0", "false", "no", "off"):
        return False
    raise ValueError("give 1 or 0")


def _setting(name: str, default: str, parse: Callable[[str], T], help: str) -> T:
    variable = Variable(name, default, help)
    return dataclasses.field(
        default=parse(default), metadata={"variable": variable, "parse": parse}
    )


@dataclasses.dataclass(frozen=True)
class Settings:
    """The service's settings. `Settings()` has the defaults; a process uses `from_env`."""

    host: str = _setting("HOST", "127.0.0.1", _text, "address to listen on; images set 0.0.0.0")
    port: int = _setting("PORT", "8001", _whole(0, 65535), "port to listen on; 0 takes a free one")
    log_level: str = _setting(
        "LOG_LEVEL",
        "info",
        _choice("debug", "info", "warning", "error"),
        "how much is logged: debug, info, warning or error",
    )
    log_numbers: bool = _setting(
        "LOG_NUMBERS", "0", _switch, "1 logs callers' numbers and keys in full instead of masked"
    )
    drain_seconds: float = _setting(
        "DRAIN_SECONDS",
        "30",
        _seconds(0, 86400),
        "seconds that live calls may go on after SIGTERM",
    )
    ping_interval: float = _setting(
        "PING_INTERVAL", "20", _seconds(0, 3600), "seconds between pings to a peer; 0 sends none"
    )
    max_message_bytes: int = _setting(
        "MAX_MESSAGE_BYTES",
        "16384",
        _whole(1024, 2**30, " of bytes"),
        "longest message taken from a peer, in bytes; a longer one ends the call with 1009",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from an environment.

        Args:
            environ: variable names and values; an empty value counts as unset.

        Raises:
            SettingsError: listing every wrong variable.

        """
        values: dict[str, Any] = {}
        problems: list[str] = []
        for field in dataclasses.fields(cls):
            variable: Variable = field.metadata["variable"]
            given = environ.get(variable.name, "").strip()
            if not given:
                continue
            try:
                values[field.name] = field.metadata["parse"](given)
            except ValueError as error:
                problems.append(f"{variable.name} is {given[:80]!r}: {error}")
        if problems:
            raise SettingsError(problems)
        return cls(**values)


VARIABLES: tuple[Variable, ...] = tuple(
    field.metadata["variable"] for field in dataclasses.fields(Settings)
)
