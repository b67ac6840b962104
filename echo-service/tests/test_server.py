"""The service on a real socket: what a well-behaved peer sees."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from echo_service.call.stats import LATE_MS
from echo_service.protocol import FRAME_MS
from echo_service.service import EchoService
from websockets.asyncio.client import connect
from wire_peer import BINARY, CLOSE, PING, PONG, TEXT, Peer, connected, frame, until

Lines = Callable[[], list[str]]
Start = Callable[..., AbstractAsyncContextManager[EchoService]]


def event(lines: list[str], name: str) -> str:
    """The one logged line of an event."""
    (line,) = (line for line in lines if line.split()[1] == name)
    return line


async def test_audio_comes_back(service: EchoService) -> None:
    """Binary messages come back as they were, in order."""
    frames = [bytes([n]) * 640 for n in range(50)]
    async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
        await phone.send(connected())
        for sent in frames:
            await phone.send(sent)
        assert [await phone.recv() for _ in frames] == frames


async def test_audio_before_the_first_message_comes_back(service: EchoService) -> None:
    """A binary message that comes before `websocket:connected` is echoed too."""
    async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
        await phone.send(b"\x01\x02")
        assert await phone.recv() == b"\x01\x02"


async def test_text_is_not_echoed(service: EchoService) -> None:
    """Text messages, understood or not, bring nothing back."""
    async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
        for text in (connected(), '{"event":"websocket:dtmf","digit":"5"}', "hello", "{}", "[1]"):
            await phone.send(text)
        await phone.send(b"last")
        assert await phone.recv() == b"last"


async def test_a_peer_of_any_origin_and_subprotocol_is_taken(service: EchoService) -> None:
    """The service demands no Origin, and chooses no subprotocol and no extension."""
    async with connect(
        f"ws://127.0.0.1:{service.port}/socket",
        origin="http://elsewhere.example",  # type: ignore[arg-type]  # it is a NewType of str
        subprotocols=["WSBRIDGE"],  # type: ignore[list-item]  # likewise
    ) as phone:
        assert phone.subprotocol is None
        assert phone.protocol.extensions == []


async def test_a_call_is_listed_while_it_is_open(service: EchoService) -> None:
    """A call is among the live ones until it ends, and has its id from the first message."""
    calls = service.registry.calls
    async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
        await phone.send(connected(uuid="call-1", to="447700900456"))
        await until(lambda: [call.id for call in calls.values()] == ["call-1"])
        (call,) = calls.values()
        assert (call.rate, call.stats.frame_bytes) == (16000, 640)
        assert call.metadata == {"uuid": "call-1", "to": "447700900456"}
    await until(lambda: not calls)


async def test_a_call_whose_peer_vanishes_is_forgotten(service: EchoService) -> None:
    """A reset ends a call as well."""
    async with Peer.connect(service.port) as peer:
        peer.write(frame(BINARY, b"x"))
        assert await peer.frame() == (BINARY, b"x")
        assert len(service.registry.calls) == 1
    await until(lambda: not service.registry.calls)
    await until(lambda: not service.registry.connections)
    assert service.registry.close_reasons == {"lost": 1}


async def test_the_summary_is_exact(service: EchoService, lines: Lines) -> None:
    """One line sums a call up: frames and bytes both ways, odd sizes, who closed with what."""
    async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
        await phone.send(connected(uuid="call-1"))
        sizes = [640] * 10 + [320, 640, 641, 0] + [640] * 5
        for size in sizes:
            await phone.send(bytes(size))
            await phone.recv()
        await phone.close(1000)
    await until(lambda: service.registry.close_reasons)
    fields = dict(part.split("=") for part in event(lines(), "call_ended").split()[2:])
    assert float(fields.pop("seconds")) >= 0
    # How late frames come is this machine's affair, but the two figures have to agree.
    late, longest = int(fields.pop("late_frames")), int(fields.pop("longest_gap_ms"))
    assert longest >= FRAME_MS + LATE_MS if late else 0 <= longest <= FRAME_MS + LATE_MS
    assert fields == {
        "call": "call-1",
        "rate": "16000",
        "resumed": "0",
        "frames_in": str(len(sizes)),
        "frames_out": str(len(sizes)),
        "bytes_in": str(sum(sizes)),
        "bytes_out": str(sum(sizes)),
        "odd_frames": "3",
        "dropped_frames": "0",
        "texts": "1",
        "reason": "hang_up",
        "close_code": "1000",
        "closed_by": "peer",
    }


async def test_a_late_frame_is_counted(service: EchoService) -> None:
    """A frame that comes more than 60 ms after it was due is late, and its gap is the longest."""
    began = time.monotonic()
    async with Peer.connect(service.port) as peer:
        for _ in range(3):
            peer.write(frame(BINARY, bytes(640)))
            await peer.frame()
        await asyncio.sleep(0.15)
        peer.write(frame(BINARY, bytes(640)))
        await peer.frame()
        lasted = time.monotonic() - began
        (call,) = service.registry.calls.values()
        stats = call.stats
    assert stats.late_frames >= 1
    assert 0.14 < stats.longest_gap <= lasted
    assert sum(stats.totals().gaps) == 3
    assert stats.totals().gap_seconds >= stats.longest_gap


async def test_a_probe_is_not_a_call(service: EchoService, lines: Lines) -> None:
    """A connection that never sends a message is logged for debugging only."""
    async with connect(f"ws://127.0.0.1:{service.port}/socket"):
        pass
    await until(lambda: not service.registry.calls)
    names = [line.split()[:2] for line in lines()]
    assert ["DEBUG", "probe"] in names
    assert "call_ended" not in [name for _, name in names]
    assert not service.registry.close_reasons


async def test_frames_that_come_with_the_close_are_echoed(service: EchoService) -> None:
    """Frames that arrive in one read with the Close come back before it."""
    async with Peer.connect(service.port) as peer:
        peer.write(
            frame(BINARY, b"a" * 640) + frame(BINARY, b"b" * 640) + frame(CLOSE, b"\x03\xe8")
        )
        expected = [(BINARY, b"a" * 640), (BINARY, b"b" * 640), (CLOSE, b"\x03\xe8")]
        seen = [await peer.frame()]
        while seen[-1][0] != CLOSE:
            seen.append(await peer.frame())
        # The library's documented interface learns of the frames only after the close.
        assert seen == (expected if service.settings.echo_engine == "auto" else expected[-1:])


async def test_a_fragmented_message_is_not_overtaken(service: EchoService) -> None:
    """What comes after a message in fragments goes back after it; a ping in between goes first."""
    async with Peer.connect(service.port) as peer:
        peer.write(
            frame(BINARY, b"a" * 300, fin=False)
            + frame(PING, b"p")
            + frame(0, b"b" * 340)
            + frame(BINARY, b"c" * 640)
        )
        assert await peer.frame() == (PONG, b"p")
        assert await peer.frame() == (BINARY, b"a" * 300 + b"b" * 340)
        assert await peer.frame() == (BINARY, b"c" * 640)


async def test_frames_sent_with_the_handshake_are_echoed(service: EchoService) -> None:
    """A peer that does not wait for the answer to its handshake loses nothing."""
    async with Peer.reach(service.port) as peer:
        whole = frame(TEXT, connected().encode()) + frame(BINARY, b"a" * 640) + frame(BINARY, b"b")
        peer.write(Peer.handshake() + whole[:-2])
        assert (await peer.response())[0] == 101
        assert await peer.frame() == (BINARY, b"a" * 640)
        peer.write(whole[-2:])
        assert await peer.frame() == (BINARY, b"b")


async def test_twenty_calls_at_once(service: EchoService) -> None:
    """Each of 20 calls gets its own audio back."""

    async def call(number: int) -> list[bytes]:
        async with connect(f"ws://127.0.0.1:{service.port}/socket") as phone:
            await phone.send(connected(uuid=f"call-{number}"))
            heard = []
            for turn in range(20):
                await phone.send(bytes([number, turn]) * 320)
                heard.append(bytes(await phone.recv(decode=False)))
            return heard

    results = await asyncio.gather(*(call(number) for number in range(20)))
    for number, heard in enumerate(results):
        assert heard == [bytes([number, turn]) * 320 for turn in range(20)]


@pytest.mark.parametrize(
    ("request_line", "status", "slug"),
    [
        ("GET /elsewhere HTTP/1.1", 404, "not_found"),
        ("GET /socket HTTP/1.1", 426, "upgrade_required"),
        ("GET /socket?a=b HTTP/1.1", 426, "upgrade_required"),
    ],
)
async def test_other_requests(
    service: EchoService, request_line: str, status: int, slug: str
) -> None:
    """Whatever is no handshake gets the right status and an error in the one shape."""
    async with Peer.reach(service.port) as peer:
        peer.write(f"{request_line}\r\nHost: x\r\n\r\n".encode())
        seen, body = await peer.response()
        assert seen == status
        error = json.loads(body)
        assert set(error) == {"error", "message", "hint"}
        assert error["error"] == slug


async def test_a_wrong_handshake_is_refused_in_the_one_shape(service: EchoService) -> None:
    """The library's own refusals come as JSON too."""
    async with Peer.reach(service.port) as peer:
        peer.write(Peer.handshake({"Sec-WebSocket-Version": "8"}))
        status, body = await peer.response()
        assert status == 400
        assert json.loads(body)["error"] == "bad_handshake"
        assert service.pending.results == {"bad_handshake": 1}


async def test_health(service: EchoService) -> None:
    """The service says that it is alive, and ready."""
    for path, expected in (("/healthz", "alive"), ("/readyz", "ready")):
        async with Peer.reach(service.port) as peer:
            peer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status, body = await peer.response()
            assert (status, json.loads(body)["status"]) == (200, expected)


async def test_the_switch_for_conformance_tests(start: Start) -> None:
    """With ECHO_TEXT_FOR_TESTS, and only with it, texts come back as they were."""
    async with start(echo_text_for_tests=True) as service, Peer.connect(service.port) as peer:
        peer.write(frame(TEXT, "h\u00e9".encode()) + frame(BINARY, b"b"))
        assert await peer.frame() == (TEXT, "h\u00e9".encode())
        assert await peer.frame() == (BINARY, b"b")
        peer.write(frame(TEXT, b"\xff"))
        assert (await peer.closed())[0] == 1007


@pytest.mark.parametrize(
    ("request_", "result", "said"),
    [
        (b"GET /socket/ HTTP/1.1\r\nHost: x\r\n\r\n", "not_found",
         'path=/socket/ status=404 hint="the socket is at /socket, without a slash at the end"'),
        (b"GET /nowhere?to=447700900123 HTTP/1.1\r\nHost: x\r\n\r\n", "not_found",
         'path=/nowhere status=404 hint="the socket is at /socket"'),
        (b"GET /socket HTTP/1.1\r\nHost: x\r\n\r\n", "upgrade_required", "path=/socket status=426"),
        (b"GET /socket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
         "bad_handshake", "missing Sec-WebSocket-Key header"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", "bad_request", "no more than 8192"),
        (b"\x16\x03\x01 447700900123\r\n\r\n", "bad_request",
         'message="invalid HTTP request line"'),
    ],
)  # fmt: skip
async def test_refused_handshakes_are_logged(
    service: EchoService, lines: Lines, request_: bytes, result: str, said: str
) -> None:
    """A wrong path, no handshake, no request: a warning with what was seen, and a count."""
    async with Peer.reach(service.port) as peer:
        peer.write(request_)
        await until(lambda: service.pending.results)
    assert service.pending.results == {result: 1}
    (line,) = (line for line in lines() if "handshake_refused" in line)
    assert "WARNING" in line
    assert f"reason={result}" in line
    assert said in line
    assert "447700900123" not in line
