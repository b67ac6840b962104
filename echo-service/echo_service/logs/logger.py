"""Loggers, and the formats of a log line.

Values may come from a peer. In every format they are escaped, so that one event stays one line of
printable ASCII, and long ones are cut.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["FORMATS", "get_logger", "set_up"]

FORMATS = ("logfmt", "json", "console")
"""Formats of a log line."""

MAX_VALUE_CHARACTERS = 200
"""Characters of a value that are logged."""
MAX_ADVICE_CHARACTERS = 2000
"""The same of a text of this service's own, which is never cut."""
ADVICE = {"message", "hint", "advice"}
"""Fields that have such a text."""

_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # printable ASCII without blank, quote, = and backslash


def get_logger(name: str) -> BoundLogger:
    """Return a logger: `logger.info("event_name", field=value)`.

    Fields that are None are left out.

    Args:
        name: of the module.

    """
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        processors=[structlog.stdlib.filter_by_level, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=True,
    )
    return logger


def set_up(level: str, log_format: str = "logfmt", stream: TextIO | None = None) -> None:
    """Send all logs of the process to a stream.

    Args:
        level: debug, info, warning or error.
        log_format: one of `FORMATS`.
        stream: standard output by default.

    """
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[_from_another_library],
            processors=[_fields, *_renderer(log_format, handler.stream.isatty())],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Others report only what is wrong; in its debug logs, websockets would show audio.
    for noisy in ("websockets", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _renderer(log_format: str, colors: bool) -> list[Processor]:
    if log_format == "json":
        return [structlog.processors.JSONRenderer(_json)]
    if log_format == "console":
        return [_escaped, structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False)]
    return [_escaped, _logfmt]


def _from_another_library(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Make the event `log` of another library's record."""
    return {**event, "event": "log", "logger": event["_record"].name, "message": event["event"]}


def _fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Return the fields of an event in order: time, level and name first, an exception last."""
    record: logging.LogRecord = event.pop("_record")
    event.pop("_from_structlog")
    error = event.pop("exc_info", None)
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    fields: dict[str, Any] = {
        "timestamp": f"{seconds}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "event": event.pop("event"),
        **event,
    }
    if isinstance(error, tuple):
        error = error[1]
    elif error and not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        fields |= _exception(error)
    return {
        name: _shortened(value, MAX_ADVICE_CHARACTERS if name in ADVICE else MAX_VALUE_CHARACTERS)
        for name, value in fields.items()
        if value is not None
    }


def _exception(error: BaseException) -> dict[str, str | None]:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else None
    return {"error": f"{type(error).__name__}: {error}", "where": where}


def _shortened(value: object, longest: int) -> object:
    if isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return round(value, 3)
    text = str(value)
    if len(text) > longest:
        text = text[: longest - 3] + "..."
    return text


def _escaped(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Write names and values as plain words, or as JSON strings where needed."""
    return {_word(name): _word(value) for name, value in event.items()}


class _Escaped(str):
    """Text that a renderer must not escape again."""

    __repr__ = str.__str__


def _word(value: object) -> _Escaped:
    if isinstance(value, bool):
        return _Escaped("true" if value else "false")
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return _Escaped(text if _PLAIN.fullmatch(text) else _json(text))


def _json(value: object, **_: object) -> str:
    # JSON does not escape DEL, which is not printable either.
    return json.dumps(value).replace("\x7f", "\\u007f")


def _logfmt(_: WrappedLogger, __: str, event: EventDict) -> str:
    stamp, level, name = event.pop("timestamp"), event.pop("level"), event.pop("event")
    return " ".join(
        [stamp, level.upper(), name, *(f"{key}={value}" for key, value in event.items())]
    )
