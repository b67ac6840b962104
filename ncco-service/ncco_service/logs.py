"""The log: events, one logfmt line each on standard output.

``2026-11-22T12:00:00.123Z INFO answer call=aaaa-bbbb ms=1.4``
"""

import json
import logging
import logging.config
import re
import time
from typing import Any

__all__ = ["configuration", "event", "masked", "one_line"]

_LONGEST = 200  # characters of one value
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # printable ASCII without blank, quote, = and backslash
_DIGIT_BEFORE_THE_LAST_TWO = re.compile(r"[0-9](?=(?:[^0-9]*[0-9]){2})")


def event(logger: logging.Logger, name: str, level: int = logging.INFO, **fields: object) -> None:
    """Log one event.

    Args:
        logger: where to.
        name: what happened, in snake_case.
        level: one of logging's levels.
        fields: what belongs to it; those that are None are left out.

    """
    if logger.isEnabledFor(level):
        logger.log(level, name, extra={"fields": fields})


def one_line(value: object) -> str:
    """Write a value so that it stays on one line, is unambiguous, and is at most 200 characters.

    Whatever is not printable ASCII is escaped as JSON does, so neither a line break nor a
    terminal's control sequence from a caller gets into the log.
    """
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    text = str(value)
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 3] + "..."
    if _PLAIN.fullmatch(text):
        return text
    return json.dumps(text).replace("\x7f", "\\u007f")


def masked(number: str) -> str:
    """Hide a telephone number but for its last two digits; whatever else it says stays."""
    return _DIGIT_BEFORE_THE_LAST_TWO.sub("*", number)


class Formatter(logging.Formatter):
    """Write a record as logfmt; one from other people's code becomes a ``log`` event."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line, without its end."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields: dict[str, Any] | None = getattr(record, "fields", None)
        name = record.msg
        if fields is None:
            name, fields = "log", {"logger": record.name, "message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            fields = {**fields, **_where(record.exc_info[1])}
        words = [f"{moment}.{int(record.msecs):03d}Z", record.levelname, str(name)]
        words += [f"{key}={one_line(value)}" for key, value in fields.items() if value is not None]
        return " ".join(words)


def _where(error: BaseException) -> dict[str, str]:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "unknown"
    return {"error": f"{type(error).__name__}: {error}", "at": place}


def configuration(level: str) -> dict[str, Any]:
    """Describe the log for ``logging.config.dictConfig``; gunicorn takes the same description."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"logfmt": {"()": Formatter}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "formatter": "logfmt",
                "stream": "ext://sys.stdout",
            }
        },
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {
            # Its greetings say nothing that our own lines do not.
            "gunicorn.error": {
                "level": "DEBUG" if level == "debug" else "WARNING",
                "handlers": [],
                "propagate": True,
            },
        },
    }
