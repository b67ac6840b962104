"""The log: one line an event, whatever callers send."""

import logging
import re

from hypothesis import given
from hypothesis import strategies as st
from ncco_service import logs


def written(name: str, level: int = logging.INFO, **fields: object) -> str:
    """Format one event."""
    logger = logging.getLogger("test")
    record = logger.makeRecord("test", level, "", 0, name, (), None, extra={"fields": fields})
    return logs.Formatter().format(record)


def test_an_event_is_one_logfmt_line() -> None:
    """Time in UTC with milliseconds, level, name, fields; None is left out."""
    line = written("answer", call="a-b", ms=1.23456, detail=None, message="two words")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO answer .*", line)
    assert line.endswith('INFO answer call=a-b ms=1.235 message="two words"')


def test_what_could_forge_a_line_is_escaped() -> None:
    """Line breaks, quotes and terminal sequences do not get out."""
    line = written("event", call='x"\n2026 INFO forged\x1b[31m=\x7f')
    assert line.endswith(r'call="x\"\n2026 INFO forged\u001b[31m=\u007f"')


@given(st.text())
def test_any_value_is_one_short_printable_word_or_quoted(value: str) -> None:
    """Every text is printable ASCII in the log and of bounded length."""
    text = logs.one_line(value)
    assert re.fullmatch(r"[ -~]+", text)
    assert len(text) <= 200 * 12 + 2
    assert text.startswith('"') or not re.search(r'[ "=]', text)


def test_long_values_are_cut() -> None:
    """A value has 200 characters at most."""
    assert logs.one_line("x" * 500) == "x" * 197 + "..."


def test_numbers_are_masked_but_for_two_digits() -> None:
    """A telephone number cannot be read from the log, a word can."""
    assert logs.masked("447700900123") == "**********23"
    assert logs.masked("sip:4477@10.0.0.1") == "sip:****@**.*.0.1"
    assert logs.masked("alice") == "alice"


def test_other_peoples_records_are_events_too() -> None:
    """What a library logs becomes a `log` event; an exception names its place on the same line."""
    try:
        raise ValueError("no\nway")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("lib", logging.ERROR, "", 0, "it %s", ("broke",), info)
    line = logs.Formatter().format(record)
    assert 'ERROR log logger=lib message="it broke" error="ValueError: no\\nway" at=' in line
    assert "test_logs.py:" in line
    assert "\n" not in line
