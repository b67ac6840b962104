"""Malformed messages: each gives a clear log entry and harms nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from echo_service.call.state import TEXT_LINES
from echo_service.service import EchoService
from wire_peer import BINARY, CLOSE, CONT, PING, TEXT, Peer, connected, frame, until

Lines = Callable[[], list[str]]


class Wrong(NamedTuple):
    """What a peer sends, what it gets back, and what stands in the log."""

    sent: bytes
    code: int | None
    logged: str


TEXTS = {
    "not JSON": Wrong(frame(TEXT, b"hello\n\x1b[31m"), None, 'problem="not JSON'),
    "not an object": Wrong(frame(TEXT, b"[1, 2]"), None, 'problem="not a JSON object"'),
    "too deep": Wrong(frame(TEXT, b"[" * 9000), None, 'problem="not JSON'),
    "no event": Wrong(frame(TEXT, b'{"a": "447700900456"}'), None, "**********56"),
    "unknown event": Wrong(frame(TEXT, b'{"event": "nonsense"}'), None, 'problem="unknown event"'),
    "wrong digit": Wrong(
        frame(TEXT, b'{"event": "websocket:dtmf", "digit": "x"}'), None, "dtmf without a digit"
    ),
    "connected twice": Wrong(
        frame(TEXT, connected(uuid="other").encode()), None, 'problem="connected a second time"'
    ),
    "empty": Wrong(frame(TEXT, b""), None, 'problem="not JSON'),
}

FRAMES = {
    "not UTF-8": Wrong(frame(TEXT, b"\xff\xfe"), 1007, "reason=bad_text close_code=1007"),
    "not masked": Wrong(
        frame(BINARY, b"a", mask=None), 1002, "reason=protocol_error close_code=1002"
    ),
    "reserved bits": Wrong(frame(BINARY, b"a", reserved=7), 1002, "close_code=1002 closed_by=us"),
    "unknown opcode": Wrong(frame(0x5, b"a"), 1002, "close_code=1002 closed_by=us"),
    "long ping": Wrong(frame(PING, b"a" * 126), 1002, "close_code=1002 closed_by=us"),
    "continued nothing": Wrong(frame(CONT, b"a"), 1002, "close_code=1002 closed_by=us"),
    "too big": Wrong(frame(BINARY, bytes(16385)), 1009, "reason=too_big close_code=1009"),
    "2^63 bytes": Wrong(b"\x82\xff\x7f" + b"\xff" * 7, 1009, "reason=too_big close_code=1009"),
    "short close": Wrong(frame(CLOSE, b"\x03"), 1002, "close_code=1002 closed_by=us"),
}


@pytest.mark.parametrize("name", [*TEXTS, *FRAMES])
async def test_malformed(service: EchoService, lines: Lines, name: str) -> None:
    """A malformed message is logged in one clear line, ends its own call at most, and no other."""
    wrong = TEXTS.get(name) or FRAMES[name]
    async with Peer.connect(service.port) as good, Peer.connect(service.port) as bad:
        for peer, call in ((good, "good"), (bad, "bad")):
            peer.write(frame(TEXT, connected(uuid=call).encode()))
            peer.write(frame(BINARY, bytes(640)))
            assert await peer.frame() == (BINARY, bytes(640))
        bad.write(wrong.sent)
        if wrong.code is None:
            bad.write(frame(BINARY, b"\x01" * 640))
            assert await bad.frame() == (BINARY, b"\x01" * 640)
        else:
            assert (await bad.closed())[0] == wrong.code
            bad.writer.close()
        await until(lambda: any(wrong.logged in line for line in lines()))
        good.write(frame(BINARY, b"\x02" * 640))
        assert await good.frame() == (BINARY, b"\x02" * 640)
    await until(lambda: not service.registry.calls)
    (line,) = (line for line in lines() if wrong.logged in line)
    assert " call=bad" in line
    assert not any("Traceback" in line or line.startswith("ERROR") for line in lines())


async def test_an_unknown_content_type_is_named(service: EchoService, lines: Lines) -> None:
    """Audio of a kind that is not understood is echoed, and said to be unchecked."""
    first = b'{"event":"websocket:connected","content-type":"audio/opus"}'
    async with Peer.connect(service.port) as peer:
        peer.write(frame(TEXT, first) + frame(BINARY, b"abc"))
        assert await peer.frame() == (BINARY, b"abc")
    (line,) = (line for line in lines() if " call_started " in line)
    assert line.startswith("WARNING")
    assert "content_type=audio/opus" in line
    await until(lambda: not service.registry.calls)


async def test_texts_are_logged_at_a_bounded_rate(service: EchoService, lines: Lines) -> None:
    """A flood of texts gives a bounded number of lines, and the next one tells how many not."""
    began = time.monotonic()
    async with Peer.connect(service.port) as peer:
        peer.write(frame(TEXT, b"hello") * 40 + frame(BINARY, b"done"))
        assert await peer.frame() == (BINARY, b"done")
        logged = sum(" text " in line for line in lines())
        most, per_second = TEXT_LINES
        assert most <= logged <= most + per_second * (time.monotonic() - began)
        (call,) = service.registry.calls.values()
        assert call.stats.texts == 40


async def test_keys_and_numbers_are_not_logged(service: EchoService, lines: Lines) -> None:
    """What a caller types may be a secret, and her number is hers."""
    async with Peer.connect(service.port) as peer:
        for text in (
            connected(uuid="a", cli="447700900123"),
            '{"event":"websocket:dtmf","digit":"7","duration":260}',
            '{"event":"websocket:notify","payload":{"to":"447700900456"}}',
        ):
            peer.write(frame(TEXT, text.encode()))
        peer.write(frame(BINARY, b"done"))
        assert await peer.frame() == (BINARY, b"done")
    whole = "\n".join(lines())
    assert "digit=masked" in whole
    assert "4477" not in whole
    assert "**********23" in whole
