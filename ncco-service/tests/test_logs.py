"""The log: one line an event, whatever callers send, in every format."""

import contextlib
import io
import json
import logging
import logging.config
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from ncco_service import logs

FORMATS = ("logfmt", "json", "console")
# What forges lines, moves a terminal's cursor, or ends a string: some with a name of their own.
HOSTILE = "\x1b[2J\r\n2026 INFO forged \x00\u2028\u2029\x85\x9b\x7f\"'\\="


@pytest.fixture
def restored() -> Iterator[None]:
    """Restore what a test configures for the whole process."""
    root, gunicorn = logging.getLogger(), logging.getLogger("gunicorn.error")
    before = [(each, each.level, each.handlers[:]) for each in (root, gunicorn)]
    yield
    structlog.reset_defaults()
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def written(log_format: str, log: Callable[[Any], None], level: str = "info") -> str:
    """Give what one call of a logger writes to standard output."""
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        logs.configure(level, log_format)
        log(structlog.get_logger())
    return stdout.getvalue()


pytestmark = pytest.mark.usefixtures("restored")


def test_an_event_is_one_logfmt_line() -> None:
    """Time in UTC with milliseconds, level, name, fields; None is left out."""
    line = written(
        "logfmt",
        lambda log: log.info("answer", call="a-b", ms=1.23456, detail=None, message="two words"),
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO answer .*\n", line)
    assert line.endswith('INFO answer call=a-b ms=1.235 message="two words"\n')


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("**********90", "**********90"),
        ("/webhooks/answer?to=1&from=2", '"/webhooks/answer?to=1&from=2"'),
        ("/socket?call&again", "/socket?call&again"),
        ("it's {done}!", '"it\'s {done}!"'),
        ("[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("a\\b", '"a\\\\b"'),
        (True, "true"),
        (0.5, "0.5"),
    ],
)
def test_both_services_quote_alike(value: object, shown: str) -> None:
    """A value looks the same in both logs; echo-service's tests have the same examples."""
    line = written("logfmt", lambda log: log.info("event", field=value))
    assert line.endswith(f" INFO event field={shown}\n")


def test_an_event_is_one_json_object() -> None:
    """With time, level and name as fields of their own."""
    line = written("json", lambda log: log.warning("answer", call="a-b", ms=1.23456, detail=None))
    fields = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("timestamp"))
    assert fields == {"level": "warning", "event": "answer", "call": "a-b", "ms": 1.235}
    assert line.count("\n") == 1


def test_an_event_is_one_console_line() -> None:
    """Aligned, for a person who reads along."""
    line = written("console", lambda log: log.info("answer", call="a-b"))
    assert re.search(r"\[info +\] answer +call=a-b", line)
    assert line.count("\n") == 1


@pytest.mark.parametrize("log_format", FORMATS)
def test_what_could_forge_a_line_is_escaped(log_format: str) -> None:
    """ESC, CR, LF, NUL, U+2028 and the like do not get out, be it in a value or an exception."""
    error = ValueError(HOSTILE)

    def own(log: Any) -> None:
        log.info("event", call=HOSTILE, exc_info=error)

    def foreign(_log: Any) -> None:
        logging.getLogger("lib").error("it broke: %s", HOSTILE, exc_info=error)

    for log in (own, foreign):
        line = written(log_format, log)
        assert line.count("\n") == 1
        assert line.endswith("\n")
        assert re.fullmatch(r"[ -~]+", line[:-1])
        assert re.search(r"ValueError: \\+u001b\[2J\\+r\\+n2026 .*\\+u0000\\+u2028", line)


@pytest.mark.parametrize("log_format", FORMATS)
@given(value=st.text())
def test_any_value_is_short_and_printable(log_format: str, value: str) -> None:
    """Every text is printable ASCII in the log and of bounded length."""
    line = written(log_format, lambda log: log.info("event", call=value))
    assert re.fullmatch(r"[ -~]+", line[:-1])
    assert len(line) <= 200 * 12 + 100
    if log_format == "logfmt":
        text = line.partition("call=")[2][:-1]
        assert text.startswith('"') or not re.search(r'[ "=]', text)
        assert (json.loads(text) if text.startswith('"') else text) in (value, value[:197] + "...")


@pytest.mark.parametrize("log_format", FORMATS)
def test_long_values_are_cut(log_format: str) -> None:
    """A value has 200 characters at most."""
    line = written(log_format, lambda log: log.info("event", call="x" * 500))
    assert "x" * 197 + "..." in line
    assert "x" * 198 not in line


def test_advice_is_whole() -> None:
    """What this service itself says of a problem is never cut."""
    advice = "set this, " * 60
    assert advice in written("logfmt", lambda log: log.warning("event", message=advice))


def test_numbers_are_masked_but_for_two_digits() -> None:
    """A telephone number cannot be read from the log, a word can."""
    assert logs.masked("447700900123") == "**********23"
    assert logs.masked("sip:4477@10.0.0.1") == "sip:****@**.*.0.1"
    assert logs.masked("alice") == "alice"


@pytest.mark.parametrize("log_format", FORMATS)
def test_other_libraries_records_are_events_too(log_format: str) -> None:
    """What a library logs becomes a `log` event; an exception names its place on the same line."""

    def log(_log: Any) -> None:
        try:
            raise ValueError("no\nway")
        except ValueError:
            logging.getLogger("lib").exception("it %s", "broke")

    line = written(log_format, log)
    assert re.search(r"\blog\b.*\blib\b.*it broke.*ValueError: no\\+nway.*test_logs\.py:", line)
    assert "error" in line.lower()
    assert line.count("\n") == 1
    if log_format == "logfmt":
        assert 'ERROR log logger=lib message="it broke" error="ValueError: no\\nway" where=' in line


def test_the_level_bounds_what_is_written() -> None:
    """Of our own events, of other libraries' records and of gunicorn's greetings."""

    def log(log: Any) -> None:
        log.info("quiet")
        logging.getLogger("lib").info("quiet")
        logging.getLogger("gunicorn.error").info("quiet")
        log.warning("loud")

    assert written("logfmt", log, "warning").count("\n") == 1
    assert written("logfmt", log, "info").count("quiet") == 2
    assert written("logfmt", log, "debug").count("quiet") == 3
