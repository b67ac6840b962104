"""Logs: one line an event, in logfmt, safe to read whatever a peer sent."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from typing import TextIO

__all__ = ["Budget", "event", "mask", "set_up"]

LONGEST_VALUE = 200
"""Characters of a value that are logged."""

_PLAIN = re.compile(r"[A-Za-z0-9_.:/@+,;%~()\[\]-]+")
# Not inside a UUID or another hexadecimal word.
_NUMBER = re.compile(r"(?<![\w-])\+?\d{5,}(?![\w-])")


def event(
    logger: logging.Logger, name: str, level: int = logging.INFO, /, **fields: object
) -> None:
    """Log one event.

    Args:
        logger: where to.
        name: what happened, a word or two joined by underscores.
        level: of the `logging` module.
        fields: what a reader needs to know; those that are None are left out.

    """
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"fields": fields})


def mask(text: str) -> str:
    """Hide all but the last two digits of what may be a telephone number."""
    return _NUMBER.sub(lambda match: "*" * (len(match[0]) - 2) + match[0][-2:], text)


class Budget:
    """Bounds the rate of something: so many at once, so many a second from then on.

    Args:
        burst: how many may come at once.
        rate: how many a second are allowed in the long run.
        clock: gives seconds.

    """

    __slots__ = ("_at", "_burst", "_clock", "_left", "_rate", "denied")

    def __init__(
        self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._left = burst
        self._at = clock()
        self.denied = 0

    def take(self) -> bool:
        """Use one, if there is one left; otherwise count it as denied."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1:
            self.denied += 1
            return False
        self._left -= 1
        return True

    def taken_back(self) -> int | None:
        """How many were denied since the last call of this, None if none were."""
        denied, self.denied = self.denied, 0
        return denied or None


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", None)
        if fields is None:
            # Another library's line: a sentence, perhaps with a traceback.
            fields = {"logger": record.name, "message": record.getMessage()}
            name = "log"
        else:
            name = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            fields = {**fields, **_exception(record.exc_info[1])}
        seconds = time.gmtime(record.created)
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', seconds)}.{int(record.msecs):03d}Z"
        pairs = [f"{key}={_value(value)}" for key, value in fields.items() if value is not None]
        return " ".join([stamp, record.levelname, name, *pairs])


def _exception(error: BaseException) -> dict[str, str]:
    fields = {"error": f"{type(error).__name__}: {error}"}
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    if frame is not None:
        fields["where"] = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}"
    return fields


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = str(value)
    if len(text) > LONGEST_VALUE:
        text = text[: LONGEST_VALUE - 3] + "..."
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Send all logs of the process to a stream.

    Args:
        level: debug, info, warning or error.
        stream: standard output by default.

    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_Formatter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Others speak only of what is wrong; in its debug logs, websockets would show audio.
    for noisy in ("websockets", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
