"""Log lines: what gets out, and what does not."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator

import pytest
from echo_service.logs import FORMATS, TokenBucket, get_logger, masked, set_up
from hypothesis import given
from hypothesis import strategies as st

logger = get_logger("test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the logs go."""
    root = logging.getLogger()
    before = root.handlers, root.level
    stream = io.StringIO()
    set_up("info", stream=stream)
    yield stream
    root.handlers, root.level = before


def test_an_event_is_one_line_of_logfmt(stream: io.StringIO) -> None:
    """A line has its time in UTC, its level, its event and its fields; None is left out."""
    logger.info("call_ended", call="a-1", seconds=12.3456, good=True, none=None, frames=7)
    line = stream.getvalue()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO [^\n]*\n", line)
    assert line.split(" ", 1)[1] == "INFO call_ended call=a-1 seconds=12.346 good=true frames=7\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("two words", '"two words"'),
        ('a"b', '"a\\"b"'),
        ("a=b", '"a=b"'),
        ("", '""'),
        ("a\nb", '"a\\nb"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("\u202e", '"\\u202e"'),
        ("\ud800", '"\\ud800"'),
        ("x" * 201, "x" * 197 + "..."),
    ],
)
def test_values_cannot_leave_their_line(stream: io.StringIO, value: str, shown: str) -> None:
    """Quotes, spaces, line breaks and escapes are escaped; long values are cut."""
    logger.info("text", text=value)
    assert stream.getvalue().split(" ", 2)[2] == f"text text={shown}\n"


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
def test_both_services_quote_alike(stream: io.StringIO, value: object, shown: str) -> None:
    """A value looks the same in both logs; ncco-service's tests have the same examples."""
    logger.info("event", field=value)
    assert stream.getvalue().endswith(f" INFO event field={shown}\n")


def test_advice_is_whole(stream: io.StringIO) -> None:
    """What this service itself says of a problem is never cut."""
    advice = "set this, " * 60
    logger.info("event", message=advice)
    assert advice in stream.getvalue()


def logged(log_format: str, **fields: object) -> str:
    """What one event is in a format."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers, root.level
    set_up("info", log_format, stream)
    try:
        logger.info("text", **fields)
    finally:
        root.handlers, root.level = before
    return stream.getvalue()


@pytest.mark.parametrize("log_format", FORMATS)
@given(value=st.text())
def test_any_value_is_one_printable_line(log_format: str, value: str) -> None:
    """Whatever a peer sends, the log gets one line of printable ASCII, in every format."""
    line = logged(log_format, text=value)
    assert line.endswith("\n")
    assert re.fullmatch(r"[ -~]{1,2000}", line[:-1])


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize(
    ("character", "escaped"),
    [
        ("\x1b", "\\u001b"),
        ("\r", "\\r"),
        ("\n", "\\n"),
        ("\0", "\\u0000"),
        ("\x7f", "\\u007f"),
        ("\u2028", "\\u2028"),
    ],
)
def test_what_comes_from_outside_is_escaped(log_format: str, character: str, escaped: str) -> None:
    """Terminal controls and line ends are written as JSON does, in names and in values."""
    line = logged(log_format, **{f"a{character}b": f"c{character}d"})
    assert f"a{escaped}b" in line
    assert f"c{escaped}d" in line
    assert re.fullmatch(r"[ -~]+\n", line)


def test_json() -> None:
    """An event is an object; numbers and booleans stay what they are."""
    body = json.loads(logged("json", call="a", seconds=1.23456, good=True, frames=7, none=None))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", body.pop("timestamp"))
    assert body == {
        "level": "info",
        "event": "text",
        "call": "a",
        "seconds": 1.235,
        "good": True,
        "frames": 7,
    }


def test_console() -> None:
    """An event is a line for a person, without colors where there is no terminal."""
    line = logged("console", call="a", good=True)
    assert re.fullmatch(r"\S+Z \[info *\] text +call=a good=true\n", line)


def test_an_exception_is_one_line(stream: io.StringIO) -> None:
    """An exception shows its kind, its words and its place, not its traceback."""
    try:
        raise ValueError("one\ntwo")
    except ValueError:
        logger.exception("handler_failed", call="a")
    (line,) = stream.getvalue().splitlines()
    assert 'handler_failed call=a error="ValueError: one\\ntwo" where=' in line
    assert "test_logs.py:" in line


def test_another_librarys_line(stream: io.StringIO) -> None:
    """A line that is a sentence becomes a field."""
    logging.getLogger("elsewhere").warning("a %s", "sentence")
    assert stream.getvalue().split(" ", 2)[2] == 'log logger=elsewhere message="a sentence"\n'


def test_levels(stream: io.StringIO) -> None:
    """What is below the level is not logged."""
    logger.debug("probe")
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("447700900456", "**********56"),
        (447700900456, "**********56"),
        (12, 12),
        (True, True),
        (None, None),
        ({"447700900123": ["+15550100", 1.5]}, {"**********23": ["*******00", 1.5]}),
        ('{"from":"447700900123","n":"+15550100"}', '{"from":"**********23","n":"*******00"}'),
        ("digit 5", "digit 5"),
        ("aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"),
        ("12345678-1234-4123-8123-123456789012", "12345678-1234-4123-8123-123456789012"),
    ],
)
def test_numbers_are_masked(value: object, shown: object) -> None:
    """All but the last two digits of a number are hidden; ids stay readable."""
    assert masked(value) == shown


def clock(times: list[float]) -> Callable[[], float]:
    """A clock that shows the given times, one after the other."""
    shown = iter(times)
    return lambda: next(shown)


def test_token_bucket() -> None:
    """A burst is let through, then so many a second; the rest is counted."""
    bucket = TokenBucket(2, 1, clock([0, 0, 0, 0, 0.5, 1, 1, 60, 60, 60, 60]))
    assert [bucket.take() for _ in range(6)] == [True, True, False, False, True, False]
    assert bucket.reset_denied() == 3
    assert bucket.reset_denied() is None
    assert [bucket.take() for _ in range(4)] == [True, True, False, False]
