"""The log: one line for each event on standard output, through structlog.

Modules log with `structlog.get_logger().info("event_name", field=value)`; a field that is None is
left out. In logfmt, the default: `2026-11-22T12:00:00.123Z INFO answer call=a-b ms=1.4`.
What other libraries log becomes an event named `log`.
"""

import functools
import json
import logging
import logging.config
import re
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

__all__ = ["configure", "masked", "stdlib_configuration"]

_LONGEST = 200  # characters of one value
_LONGEST_ADVICE = 2000  # of a text of this service's own, which is never cut
_ADVICE = {"message", "hint", "advice"}
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # printable ASCII without blank, quote, = and backslash
_LAST_TWO_DIGITS = re.compile(r"[0-9][^0-9]*[0-9][^0-9]*\Z")
_STARS = str.maketrans("0123456789", "*" * 10)


def configure(level: str, log_format: str, stream: TextIO | None = None) -> None:
    """Send what this process logs to a stream.

    Args:
        level: debug, info, warning or error.
        log_format: logfmt, json or console.
        stream: standard output by default; other libraries' records always go there.

    """
    structlog.configure(
        processors=_processors(log_format),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream or sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(stdlib_configuration(level, log_format))


def stdlib_configuration(level: str, log_format: str) -> dict[str, Any]:
    """Describe for `logging.config.dictConfig` how other libraries' records are written.

    gunicorn takes the same description.
    """
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "processors": [_foreign, *_processors(log_format)],
    }
    stdout = {
        "class": "logging.StreamHandler",
        "formatter": "structlog",
        "stream": "ext://sys.stdout",
    }
    # gunicorn's greetings say nothing that our own events do not.
    gunicorn: dict[str, Any] = {
        "level": "DEBUG" if level == "debug" else "WARNING",
        "handlers": [],
        "propagate": True,
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"structlog": formatter},
        "handlers": {"stdout": stdout},
        "root": {"level": level.upper(), "handlers": ["stdout"]},
        "loggers": {"gunicorn.error": gunicorn},
    }


def masked(number: str) -> str:
    """Mask all digits of a telephone number but the last two; other characters stay."""
    last = _LAST_TWO_DIGITS.search(number)
    if last is None:
        return number
    return number[: last.start()].translate(_STARS) + last[0]


def _processors(log_format: str) -> list[Processor]:
    return [_fields, *_RENDERERS[log_format]()]


def _fields(_logger: Any, method: str, event: EventDict) -> EventDict:
    """Return the fields in order: time, level and name first, an exception last.

    What is None is left out, floats are rounded, and values cut to 200 characters, but not advice.
    """
    now = time.time()
    error = event.pop("exc_info", None)
    fields: EventDict = {
        "timestamp": f"{_second(int(now))}.{int(now * 1000) % 1000:03d}Z",
        "level": event.pop("level", method),
        "event": event.pop("event"),
    }
    for name, value in {**event, **_exception(error)}.items():
        if value is not None:
            fields[name] = _short(value, _LONGEST_ADVICE if name in _ADVICE else _LONGEST)
    return fields


@functools.lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _exception(error: Any) -> EventDict:
    """Describe an exception by its text and its place: one line instead of a traceback."""
    if isinstance(error, tuple):
        error = error[1]
    if not isinstance(error, BaseException):
        return {}
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
    return {"error": f"{type(error).__name__}: {error}", "where": where}


def _short(value: object, longest: int) -> str | int | float:
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, int):
        return value
    text = str(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."


def _foreign(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Make an event of another library's record."""
    record: logging.LogRecord = event["_record"]
    return {
        "event": "log",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": event["event"],
        "exc_info": event.get("exc_info"),
    }


def _escaped(value: object) -> str:
    """Write as JSON in printable ASCII: no line break, no control sequence."""
    return json.dumps(value).replace("\x7f", "\\u007f")


def _escape_values(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {
        name: _escaped(value)[1:-1] if isinstance(value, str) else value
        for name, value in event.items()
    }


def _logfmt(_logger: Any, _method: str, event: EventDict) -> str:
    words = [event.pop("timestamp"), event.pop("level").upper(), event.pop("event")]
    for name, value in event.items():
        words.append(f"{name}={_word(value)}")
    return " ".join(words)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else _escaped(text)


def _json(_logger: Any, _method: str, event: EventDict) -> str:
    return _escaped(event)


_RENDERERS: dict[str, Callable[[], list[Processor]]] = {
    "logfmt": lambda: [_logfmt],
    "json": lambda: [_json],
    "console": lambda: [
        _escape_values,
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), sort_keys=False),
    ],
}
