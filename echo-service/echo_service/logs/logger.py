"""Loggers, and the formats of a log line.

Values may come from a peer. In every format they are escaped, so that one event stays one line of
printable ASCII, and long ones are cut.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog
from structlog.stdlib import BoundLogger

__all__ = ["FORMATS", "get_logger", "set_up"]

FORMATS = ("logfmt", "json", "console")  # formats of a log line
MAX_VALUE_CHARACTERS = 200  # of a value; longer ones are cut
MAX_ADVICE_CHARACTERS = 2000  # of a text of this service's own
ADVICE = {"message", "hint", "advice"}  # fields with such a text
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}
_PLAIN = re.compile(r"[!#-<>-\[\]-~]+")  # printable ASCII without blank, quote, = and backslash


def get_logger(name: str) -> BoundLogger:
    """Return a logger: `logger.info("event_name", field=value)`.

    Fields that are None are left out.

    Args:
        name: of the module.

    """
    logger: BoundLogger = structlog.wrap_logger(
        logging.getLogger(name), wrapper_class=_Logger, cache_logger_on_first_use=True
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
    handler.setFormatter(_Formatter(_renderer(log_format, handler.stream.isatty())))
    # No format shows these, and looking them up costs more than writing the line (the logging
    # HOWTO's "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Others report only what is wrong; in its debug logs, websockets would show audio.
    for noisy in ("websockets", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _Logger(BoundLogger):
    """A logger whose event is the message of a record of the standard library.

    structlog's processors and the library's own way to a record take longer than to write a line.
    """

    def _proxy_to_logger(
        self, method_name: str, event: str | None = None, *_: object, **fields: object
    ) -> None:
        logger: logging.Logger = self._logger
        level = _LEVELS[method_name]
        if logger.isEnabledFor(level):
            message = {"event": event, **self._context, **fields}
            logger.handle(logging.LogRecord(logger.name, level, "", 0, message, (), None))


Fields = Mapping[str, Any]


class _Formatter(logging.Formatter):
    """Writes events, and other libraries' records as an event `log`.

    structlog's own `ProcessorFormatter` copies the record and its event for each line.
    """

    def __init__(self, render: Callable[[Fields], str]) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """Return a record as a line."""
        event = record.msg
        if not (isinstance(event, dict) and "event" in event):
            event = {
                "event": "log",
                "logger": record.name,
                "message": record.getMessage(),
                "exc_info": record.exc_info,
            }
        return self._render(_fields(record, event))


def _renderer(log_format: str, colors: bool) -> Callable[[Fields], str]:
    if log_format == "json":
        return _json
    if log_format == "console":
        console = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False)
        return lambda fields: str(
            console(None, "", {_word(name): _word(value) for name, value in fields.items()})
        )
    return _logfmt


@functools.lru_cache(maxsize=1)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _fields(record: logging.LogRecord, event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an event in order: time, level and name first, an exception last."""
    fields: dict[str, Any] = {
        "timestamp": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "event": "",
    }
    for name, value in event.items():
        if isinstance(value, int):
            fields[name] = value
        elif value is not None:
            fields[name] = _shortened(name, value)
    fields.pop("exc_info", None)
    error = event.get("exc_info")
    if isinstance(error, tuple):
        error = error[1]
    elif error and not isinstance(error, BaseException):
        error = sys.exc_info()[1]
    if isinstance(error, BaseException):
        for name, value in _exception(error).items():
            if value is not None:
                fields[name] = _shortened(name, value)
    return fields


def _exception(error: BaseException) -> dict[str, str | None]:
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame else None
    return {"error": f"{type(error).__name__}: {error}", "where": where}


def _shortened(name: str, value: object) -> object:
    if isinstance(value, float):
        return round(value, 3)
    text = str(value)
    longest = MAX_ADVICE_CHARACTERS if name in ADVICE else MAX_VALUE_CHARACTERS
    if len(text) > longest:
        text = text[: longest - 3] + "..."
    return text


class _Escaped(str):
    """Text that a renderer must not escape again."""

    __repr__ = str.__str__


def _word(value: object) -> _Escaped:
    return _Escaped(_plain(value))


def _plain(value: object) -> str:
    """Write a value as a plain word, or as a JSON string where needed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return text if _PLAIN.fullmatch(text) else _json(text)


# Names are few; a peer's would not stay in it.
_name = functools.lru_cache(maxsize=256)(_plain)


def _json(value: object) -> str:
    # JSON does not escape DEL, which is not printable either.
    return json.dumps(value).replace("\x7f", "\\u007f")


def _logfmt(fields: Fields) -> str:
    words = iter(fields.items())
    (_, stamp), (_, level), (_, event) = next(words), next(words), next(words)
    line = [stamp, level.upper(), _plain(event)]
    line += [f"{_name(name)}={_plain(value)}" for name, value in words]
    return " ".join(line)
