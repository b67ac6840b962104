"""The socket's messages, read and refused."""

from __future__ import annotations

import json

import pytest
from echo_service import protocol
from hypothesis import given
from hypothesis import strategies as st


def test_connected() -> None:
    """The first message gives the content type and the NCCO's headers, in any order of keys."""
    text = ' {"uuid":"a","event":"websocket:connected","n":1,"content-type":"audio/l16;rate=8000"}'
    message = protocol.parse(text)
    assert message == protocol.Connected("audio/l16;rate=8000", {"uuid": "a", "n": 1})


def test_connected_as_before_2018() -> None:
    """A first message without `event` is known by its content type."""
    message = protocol.parse('{"content-type":"audio/l16;rate=16000","cli":"x"}')
    assert message == protocol.Connected("audio/l16;rate=16000", {"cli": "x"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"event":"websocket:dtmf","digit":"5","duration":260}', protocol.Dtmf("5", 260)),
        ('{"event":"websocket:dtmf","digit":"*"}', protocol.Dtmf("*", None)),
        ('{"event":"websocket:dtmf","digit":"#","duration":true}', protocol.Dtmf("#", None)),
        ('{"digit":"5","duration":260}', protocol.Dtmf("5", 260)),
        ('{"event":"websocket:dtmf","digit":5,"duration":260}', protocol.Dtmf("5", 260)),
        ('{"event":"websocket:dtmf","dtmf":{"digit":"5","duration":80}}', protocol.Dtmf("5", 80)),
        ('{"dtmf":{"digit":"#"}}', protocol.Dtmf("#", None)),
        ('{"event":"websocket:cleared"}', protocol.Cleared()),
        ('{"event":"websocket:notify","payload":{"a":1}}', protocol.Notify({"a": 1})),
        ('{"event":"websocket:notify"}', protocol.Notify(None)),
    ],
)
def test_known_messages(text: str, message: protocol.Message) -> None:
    """Every message of the platform is known by its name."""
    assert protocol.parse(text) == message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON (JSONDecodeError)"),
        ("hello", "not JSON (JSONDecodeError)"),
        ("[" * 100_000, "not JSON (RecursionError)"),
        ("1" * 5000, "not JSON (ValueError)"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "no event"),
        ('{"event":7}', "event is not a string"),
        ('{"event":"websocket:media:update"}', "unknown event"),
        ('{"event":"websocket:dtmf"}', "dtmf without a digit of 0-9*#"),
        ('{"event":"websocket:dtmf","digit":"55"}', "dtmf without a digit of 0-9*#"),
        ('{"event":"websocket:dtmf","digit":55}', "dtmf without a digit of 0-9*#"),
        ('{"event":"websocket:dtmf","digit":true}', "dtmf without a digit of 0-9*#"),
        ('{"event":"websocket:dtmf","dtmf":{}}', "dtmf without a digit of 0-9*#"),
    ],
)
def test_messages_that_are_not_understood(text: str, problem: str) -> None:
    """The reason why a message is not understood is given in a few words."""
    assert protocol.parse(text) == protocol.Other(text, problem)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    """Any text at all is read or refused, never an exception."""
    assert isinstance(protocol.parse(text), protocol.Message)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["event", "content-type", "digit", "duration", "payload", "uuid"]),
        json_values | st.sampled_from(["websocket:connected", "websocket:dtmf", "5"]),
    )
)
def test_no_json_breaks_the_parser(body: dict[str, object]) -> None:
    """Any value at any known key is read or refused; what comes out can be used as it is."""
    message = protocol.parse(json.dumps(body))
    assert isinstance(message, protocol.Message)
    if isinstance(message, protocol.Connected):
        protocol.sample_rate(message.content_type)
        protocol.call_id(message.metadata)


@pytest.mark.parametrize(
    ("content_type", "rate"),
    [
        ("audio/l16;rate=16000", 16000),
        ("Audio/L16; Rate=8000", 8000),
        ("audio/116;rate=8000", 8000),
        ('audio/l16;rate="24000"', 24000),
        ("audio/l16;rate=16000;charset=utf-8", 16000),
        ("audio/l16;charset=utf-8;rate=16000", 16000),
        ("audio/l16;rate=8000;rate=16000", None),
        ("audio/l16", None),
        ("audio/l16;rate=0", None),
        ("audio/pcm;rate=16000", None),
        ("", None),
        ("audio/l16;rate=16000;rate=8000", None),
    ],
)
def test_sample_rate(content_type: str, rate: int | None) -> None:
    """The sample rate stands in the content type."""
    assert protocol.sample_rate(content_type) == rate


@pytest.mark.parametrize(("rate", "size"), [(8000, 320), (16000, 640), (24000, 960)])
def test_frame_bytes(rate: int, size: int) -> None:
    """A binary message holds 20 ms."""
    assert protocol.frame_bytes(rate) == size


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({"uuid": "a"}, "a"), ({}, None), ({"uuid": 7}, None), ({"uuid": ""}, None)]
    + [({"uuid": "a" * 64}, "a" * 64), ({"uuid": "a" * 65}, None)],
)
def test_call_id(metadata: dict[str, object], expected: str | None) -> None:
    """The call's id is the `uuid`, if it is one."""
    assert protocol.call_id(metadata) == expected
