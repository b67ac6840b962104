"""The fast path against the library's own connection: the same bytes out for the same bytes in.

Both get the same random stream of frames, right and wrong ones. The library's own connection,
with the echo of its documentation, gets it frame by frame, each when the one before is done. The
fast path gets it in random cuts, with a write side that fills up at random moments. What both
write, what they hear, and how they end must be the same.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from echo_service import handlers
from echo_service.call import CallStats, CallTotals
from echo_service.calls import CallRegistry, PendingHandshakes
from echo_service.handlers.echo import echo
from echo_service.loop_monitor import LoopMonitor
from echo_service.server import responses
from echo_service.settings import Settings
from echo_service.websocket import CallConnection, ConnectionOptions, FairQueue, FastConnection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State
from websockets.server import ServerProtocol
from wire_peer import BINARY, CLOSE, CONT, PING, PONG, TEXT, Peer, frame


class Wire(asyncio.Transport):
    """A transport that keeps what is written, and tells whether reading is paused."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.ended = False
        self.reading = True
        self.lost: Callable[[Exception | None], None] = lambda _: None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """There is nothing to know."""
        return default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """There are none."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what is written."""
        assert not self.ended, "written after the end"
        self.written += data

    def can_write_eof(self) -> bool:
        """As of a TCP connection."""
        return True

    def write_eof(self) -> None:
        """Half-close."""
        self.ended = True

    def is_closing(self) -> bool:
        """Only a test closes it."""
        return False

    def pause_reading(self) -> None:
        """Stop reading."""
        self.reading = False

    def resume_reading(self) -> None:
        """Go on reading."""
        self.reading = True

    def abort(self) -> None:
        """Close at once."""


class Server:
    """What a connection needs of the library's server."""

    def __init__(self) -> None:
        self.all_connections: set[ServerConnection] = set()
        self.handler_tasks: set[asyncio.Task[None]] = set()

    async def handler(self, connection: ServerConnection) -> None:
        """Do nothing: the test opens the connection."""

    def is_serving(self) -> bool:
        """It always is."""
        return True


class Registry(CallRegistry):
    """A registry that keeps the texts it is given."""

    def __init__(self, handler: handlers.Handler) -> None:
        runner = handlers.HandlerRunner(handler, Settings(), LoopMonitor(), None)
        super().__init__(
            PendingHandshakes(10, 10),
            None if handler is echo else runner,
            texts_per_second=1_000_000,
            log_numbers=False,
            clock=asyncio.get_running_loop().time,
        )
        self.heard: list[str] = []

    def text(self, connection: CallConnection, call: Any, text: str) -> None:
        """Keep a text, and do as little else as the library."""
        self.heard.append(text)
        call.stats.texts += 1


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(6):
        await asyncio.sleep(0)


@dataclasses.dataclass
class Outcome:
    """What became of a stream."""

    written: bytes
    texts: list[str]
    code: tuple[int | None, int | None]
    ended: bool


def outcome(connection: ServerConnection, wire: Wire, texts: list[str]) -> Outcome:
    """Sum up a connection."""
    protocol = connection.protocol
    codes = tuple(
        close.code if close else None for close in (protocol.close_rcvd, protocol.close_sent)
    )
    return Outcome(bytes(wire.written), texts, (codes[0], codes[1]), wire.ended)


async def by_the_library(case: Case) -> Outcome:
    """Echo a stream with the library's own connection, frame by frame."""
    protocol = ServerProtocol(max_size=case.limit)
    wire, server = Wire(), Server()
    connection = ServerConnection(protocol, server)  # type: ignore[arg-type]  # what it needs of it
    connection.connection_made(wire)
    texts: list[str] = []

    async def echo_all() -> None:
        await connection.handshake()
        wire.written.clear()
        try:
            async for message in connection:
                if isinstance(message, str):
                    # Once we have closed, we no longer listen.
                    if connection.state is State.OPEN:
                        texts.append(message)
                else:
                    await connection.send(message)
        except ConnectionClosed:
            pass

    tasks = [asyncio.create_task(echo_all())]
    connection.data_received(Peer.handshake())
    await settle()
    for number, piece in enumerate(case.frames):
        if number == case.close_at:
            tasks.append(asyncio.create_task(connection.close(1001, "enough")))
            await settle()
        connection.data_received(piece)
        await settle()
    result = outcome(connection, wire, texts)
    connection.connection_lost(None)
    await asyncio.gather(*tasks)
    return result


async def by_the_fast_path(
    case: Case, handler: handlers.Handler = echo
) -> tuple[Outcome, CallTotals]:
    """Take the same stream on the fast path, cut anywhere, while the write side pauses."""
    protocol = ServerProtocol(max_size=case.limit)
    wire, server = Wire(), Server()
    registry = Registry(handler)
    connection = FastConnection(
        protocol,
        server,  # type: ignore[arg-type]  # likewise
        fair_queue=FairQueue(asyncio.get_running_loop()),
        options=ConnectionOptions(
            handshake_bytes=16384,
            too_large=lambda: responses.too_large(16384),
            message_bytes=16384,
            close_seconds=5,
            echo=handler is echo,
        ),
        events=registry,
    )
    connection.connection_made(wire)

    async def serve() -> None:
        await connection.handshake()
        wire.written.clear()
        registry.accepted(connection)
        if connection.call is not None:
            await connection.serve(connection.call)

    tasks = [asyncio.create_task(serve())]
    connection.data_received(Peer.handshake())
    await settle()
    stream = b"".join(case.frames)
    close_at = None
    if case.close_at is not None and case.close_at < len(case.frames):
        close_at = sum(len(one) for one in case.frames[: case.close_at])
    places = sorted({0, len(stream), *case.cuts, *([] if close_at is None else [close_at])})
    for number, (start, end) in enumerate(zip(places, places[1:], strict=False)):
        if start == close_at:
            tasks.append(asyncio.create_task(connection.close(1001, "enough")))
            await settle()
        if number in case.pauses and not wire.ended:
            connection.pause_writing()
            assert not wire.reading
            connection.resume_writing()
            await read_again(wire)
        connection.data_received(stream[start:end])
        await read_again(wire)
    await settle()
    result = outcome(connection, wire, registry.heard)
    stats = (connection.call.stats if connection.call else CallStats()).totals()
    connection.connection_lost(None)
    await asyncio.gather(*tasks)
    return result, stats


async def read_again(wire: Wire) -> None:
    """Wait until more may be fed."""
    async with asyncio.timeout(10):
        while not (wire.reading or wire.ended):  # noqa: ASYNC110 - a transport has no event
            await asyncio.sleep(0)


@dataclasses.dataclass(frozen=True)
class Case:
    """A stream, where it is cut, and what happens meanwhile.

    `frames` come one by one; `cuts` are places in the stream; the write side pauses before the
    reads of `pauses`; we close, if at all, before frame `close_at`; `limit` is what a message may
    have.
    """

    frames: list[bytes]
    cuts: list[int]
    pauses: set[int]
    close_at: int | None
    limit: int


masks = st.binary(min_size=4, max_size=4)
odd_sizes = st.sampled_from([0, 1, 2, 5, 124, 125, 126, 127, 320, 641, 960, 65_535, 65_536])


@st.composite
def payload(draw: st.DrawFn, size: int) -> bytes:
    """A payload of a size; it repeats a few bytes, so that drawing a long one is quick."""
    seed = draw(st.binary(min_size=1, max_size=7))
    return (seed * (size // len(seed) + 1))[:size]


@st.composite
def good(draw: st.DrawFn, usual: int) -> list[bytes]:
    """Frames that a peer may send, most of them audio of the usual size."""
    kinds = ["audio"] * 6 + ["odd", "text", "control", "fragments", "wide"]
    kind = draw(st.sampled_from(kinds))
    mask = draw(masks)
    if kind == "audio":
        return [frame(BINARY, draw(payload(usual)), mask=draw(masks))] * draw(st.integers(1, 4))
    if kind == "odd":
        return [frame(BINARY, draw(payload(draw(odd_sizes))), mask=mask)]
    if kind == "text":
        # Some are as long as the usual audio.
        text = draw(st.one_of(st.text(max_size=60), st.just("t" * usual)))
        return [frame(TEXT, text.encode(), mask=mask)]
    if kind == "control":
        opcode = draw(st.sampled_from([PING, PONG]))
        return [frame(opcode, draw(st.binary(max_size=125)), mask=mask)]
    if kind == "wide":
        wide = draw(st.sampled_from([2, 8]))
        return [frame(BINARY, draw(st.binary(max_size=200)), mask=mask, wide=wide)]
    opcode = BINARY
    parts = draw(st.lists(st.binary(max_size=300), min_size=2, max_size=5))
    if draw(st.booleans()):
        words = draw(st.text(min_size=2, max_size=100)).encode()
        opcode, parts = TEXT, [words[:3], words[3:]]
    frames = [frame(opcode, parts[0], fin=False, mask=mask)]
    for part in parts[1:-1]:
        frames.append(frame(CONT, part, fin=False, mask=mask))
        if draw(st.booleans()):
            frames.append(frame(PING, b"between", mask=mask))
    return [*frames, frame(CONT, parts[-1], mask=mask)]


def bad(usual: int, limit: int) -> st.SearchStrategy[list[bytes]]:
    """Frames that end a connection, or that a peer must not send."""
    half = frame(BINARY, b"ab", fin=False)
    return st.sampled_from(
        [
            [frame(BINARY, bytes(usual), mask=None)],
            [frame(0x3, b"ab")],
            [frame(0xB, b"ab")],
            [frame(BINARY, bytes(usual), reserved=4)],
            [frame(PING, b"ab", reserved=1)],
            [frame(PING, b"ab", fin=False)],
            [frame(PING, b"a" * 126)],
            [frame(CONT, b"ab")],
            [half, frame(BINARY, bytes(usual))],
            [frame(BINARY, b"a" * (limit + 1))],
            [frame(BINARY, b"a" * (limit + 1), wide=8)],
            [frame(BINARY, b"a" * limit, fin=False), frame(CONT, b"a")],
            [half, frame(CONT, b"a" * (limit - 1))],
            [b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"],
            [frame(TEXT, b"\xff\xfe")],
            [frame(TEXT, b"\xc3", fin=False), frame(CONT, b"\x28")],
            [frame(CLOSE)],
            [frame(CLOSE, b"\x03\xe8")],
            [frame(CLOSE, b"\x03\xe8bye")],
            [frame(CLOSE, b"\x03")],
            [frame(CLOSE, b"\x03\xee")],
            [frame(CLOSE, b"\x03\xe8\xff")],
        ]
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a case; half of the cuts are between frames, as those of a network mostly are."""
    usual = draw(st.sampled_from([640, 640, 320, 4, 0, 125]))
    limit = draw(st.sampled_from([1000, 70_000]))
    groups = draw(st.lists(good(usual), max_size=10))
    if draw(st.booleans()):
        groups += [draw(bad(usual, limit)), *draw(st.lists(good(usual), max_size=3))]
    frames = [one for some in groups for one in some]
    ends = [0, *itertools.accumulate(len(one) for one in frames)]
    between = draw(st.lists(st.sampled_from(ends), max_size=20))
    anywhere = draw(st.lists(st.integers(0, ends[-1]), max_size=10))
    pauses = draw(st.sets(st.integers(0, 30), max_size=4))
    close_at = draw(st.one_of(st.none(), st.integers(0, len(frames))))
    close_at = close_at if draw(st.integers(0, 3)) == 0 else None
    return Case(frames, [*between, *anywhere], pauses, close_at, limit)


several = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


AUDIO, OTHER = frame(BINARY, bytes(640)), frame(BINARY, bytes(320))
HALF = frame(BINARY, b"ab", fin=False)
# From its middle on, it looks like the beginning of a longer frame.
LIKE_A_FRAME = frame(CONT, b"\x82\xe0" * 50, mask=bytes(4))


def one_by_one(*frames: bytes) -> Case:
    """A case in which every frame comes in a read of its own."""
    return Case(list(frames), list(itertools.accumulate(map(len, frames))), set(), None, 1000)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on a loop of its own: hypothesis calls plain functions."""
    return asyncio.run(work)


@several
@example(one_by_one(AUDIO, AUDIO, AUDIO, frame(TEXT, b"t" * 640), AUDIO))
@example(one_by_one(AUDIO, AUDIO, AUDIO, HALF, AUDIO))
@example(one_by_one(AUDIO, AUDIO, AUDIO, OTHER, OTHER, OTHER, AUDIO, AUDIO, AUDIO, AUDIO))
@example(one_by_one(frame(BINARY, b"a" * 600, fin=False), frame(CONT, b"a" * 600)[:8]))
@example(Case([AUDIO, HALF, AUDIO, AUDIO], [], set(), None, 1000))
@example(Case([HALF, frame(CONT, b"a" * 999)[:8]], [], set(), None, 1000))
@example(Case([HALF, LIKE_A_FRAME, frame(0xB)], [len(HALF) + 66], set(), 0, 1000))
@given(case=cases())
def test_same_bytes_for_same_bytes(case: Case) -> None:
    """Whatever comes, however it is cut, the fast path writes and hears what the library does."""

    async def compare() -> None:
        expected = await by_the_library(case)
        seen, stats = await by_the_fast_path(case)
        assert seen == expected
        echoed = sizes_of_audio(expected.written)
        assert stats.frames_in == stats.frames_out == len(echoed)
        assert stats.bytes_in == stats.bytes_out == sum(echoed)

    run(compare())


@settings(several, max_examples=40)
@given(case=cases())
def test_same_bytes_one_by_one(case: Case) -> None:
    """The same when every byte comes alone."""
    frames = [one for one in case.frames if len(one) < 300][:6]
    case = dataclasses.replace(case, frames=frames, cuts=list(range(sum(map(len, frames)))))

    async def compare() -> None:
        expected = await by_the_library(case)
        seen, _ = await by_the_fast_path(case)
        assert seen == expected

    run(compare())


@settings(several, max_examples=60)
@given(case=cases())
def test_a_handler_gets_what_an_echo_would(case: Case) -> None:
    """An asynchronous handler hears the same audio, in the same order, in any cut."""
    heard: list[bytes] = []

    async def listen(call: handlers.AudioCall) -> None:
        async for _, event in call:
            if isinstance(event, bytes):
                heard.append(event)

    async def compare() -> None:
        expected = await by_the_library(case)
        await by_the_fast_path(case, listen)
        await settle()
        assert heard == audio_of(expected.written)

    run(compare())


def audio_of(written: bytes) -> list[bytes]:
    """The payloads of the binary frames that a server wrote."""
    found, at = [], 0
    while at < len(written):
        size, head = written[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(written[at + 2 : at + 4]), 4
        elif size == 127:
            size, head = int.from_bytes(written[at + 2 : at + 10]), 10
        if written[at] & 0xF == BINARY:
            found.append(written[at + head : at + head + size])
        at += head + size
    return found


def sizes_of_audio(written: bytes) -> list[int]:
    """Their sizes."""
    return [len(audio) for audio in audio_of(written)]


@pytest.mark.parametrize("fragments", [4096, 4097])
async def test_most_fragments(fragments: int) -> None:
    """A message has as many fragments as the library takes; one more ends the call with 1009."""
    parts = [frame(BINARY, b"a", fin=False), *[frame(CONT, b"a", fin=False)] * (fragments - 2)]
    case = Case([*parts, frame(CONT, b"a")], [], set(), None, 70_000)
    seen, stats = await by_the_fast_path(case)
    assert stats.frames_in == (1 if fragments == 4096 else 0)
    assert seen.code == ((None, None) if fragments == 4096 else (None, 1009))


async def test_a_close_in_the_middle_of_a_message() -> None:
    """It is a close like any other, and the message is forgotten (RFC 6455, 5.4)."""
    case = one_by_one(HALF, frame(CLOSE, b"\x03\xe8"), frame(CONT, b"cd"))
    seen, stats = await by_the_fast_path(case)
    assert seen == Outcome(b"\x88\x02\x03\xe8", [], (1000, 1000), True)
    assert stats.frames_in == 0
