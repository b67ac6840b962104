"""Many calls at once: the fast leg against a real server, the counts, the failures."""

import asyncio
import base64
import gc
import hashlib
import json
import ssl
from typing import Any

import pytest
import trustme
from aiohttp import WSMsgType, web
from phone.__main__ import main
from phone.commands.load import words
from phone.legs.dial import DialError, dial
from phone.legs.faults import Faults
from phone.legs.plan import CallPlan, PlanError
from phone.load import LoadPlan, LoadResult, run_load
from phone.load.fast import STREAM_MAX, FastConnection, masked
from phone.load.histogram import Histogram
from phone.testing import FakeApplication, closes_after, echo, every, loses_every
from websockets.asyncio.server import ServerConnection, serve


async def load(application: FakeApplication, **settings: Any) -> LoadResult:
    """Place ten short calls."""
    plan = CallPlan(application.answer_url, seconds=0.6)
    return await run_load(LoadPlan(plan, calls=10, ramp=0.2, **settings))


class TestFastConnection:
    """The one place that leans on the inside of `websockets`."""

    async def test_frames_of_every_size(self) -> None:
        """Masked frames are what the server reads, and what it sends comes back, of any length."""

        async def echo(connection: ServerConnection) -> None:
            async for message in connection:
                await connection.send(message)

        payloads = [bytes([n % 251]) * n for n in (0, 1, 125, 126, 320, 640, 960, 65535, 65536)]
        got: list[bytes] = []
        complete = asyncio.Event()

        def take(message: bytes, arrival: float) -> None:
            got.append(message)
            if len(got) == len(payloads):
                complete.set()

        async with serve(echo, "127.0.0.1", 0, compression=None) as server:
            connection = await connect(port_of(server))
            connection.on_audio = take
            for payload in payloads:
                assert connection.write_frame(masked(payload))
            async with asyncio.timeout(60):
                await complete.wait()
            await connection.close()
        assert got == payloads
        assert connection.close_code == 1000
        assert not connection.is_open

    async def test_everything_else_stays_with_websockets(self) -> None:
        """Text, pings and the close between audio frames reach `websockets`, in pieces or at
        once.
        """
        frame = b"\x82\x7e\x02\x80" + b"a" * 640
        text = b"\x81\x05hello"
        ping = b"\x89\x01p"
        close = b"\x88\x02\x03\xe8"
        stream = frame + text + frame + ping + frame * 3 + close
        pongs: list[bytes] = []

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            # The first frames come in the same segment as the handshake's reply.
            data = accept(head) + stream
            for start in range(0, len(data), 97):
                writer.write(data[start : start + 97])
                await writer.drain()
                await asyncio.sleep(0)
            pongs.append(await reader.read(1000))
            writer.close()

        count = 0

        def take(message: bytes, arrival: float) -> None:
            nonlocal count
            count += message == b"a" * 640

        class Counting(FastConnection):
            on_audio = staticmethod(take)

        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        async with listening:
            port = listening.sockets[0].getsockname()[1]
            connection = await dial(f"ws://127.0.0.1:{port}/", 2, factory=Counting)
            async with asyncio.timeout(60):
                assert await connection.recv() == "hello"
                await connection.wait_closed()
        assert count == 5
        assert connection.close_code == 1000
        assert pongs[0][0] == 0x8A

    async def test_jam(self) -> None:
        """Frames for a server that does not read are held back, whole and in order, and said to be
        a jam in time.
        """
        may_read = asyncio.Event()
        total = 0
        complete = asyncio.Event()
        frames = [masked(bytes([n % 251]) * 60_000) for n in range(1000)]

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal total
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accept(head))
            await may_read.wait()
            for frame in frames[:sent]:
                assert await reader.readexactly(len(frame)) == frame
                total += 1
            complete.set()
            writer.close()

        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        async with listening:
            connection = await connect(listening.sockets[0].getsockname()[1])
            sent = 1
            while connection.write_frame(frames[sent - 1]):
                sent += 1
            may_read.set()
            async with asyncio.timeout(60):
                await complete.wait()
                await connection.wait_closed()
        assert total == sent < 1000

    async def test_gone(self) -> None:
        """Writing to a connection that was just reset raises nothing; it is closed then."""

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(accept(await reader.readuntil(b"\r\n\r\n")))
            await writer.drain()
            writer.transport.abort()

        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        async with listening:
            connection = await connect(listening.sockets[0].getsockname()[1])
            async with asyncio.timeout(60):
                while connection.is_open:
                    connection.write_frame(masked(bytes(640)))
                    await asyncio.sleep(0)
                await connection.wait_closed()

    async def test_tls(self) -> None:
        """Over TLS, frames are encrypted like all else."""
        authority = trustme.CA()
        ours = ssl.create_default_context()
        authority.configure_trust(ours)
        its = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(its)
        got = asyncio.Event()

        async def echo(connection: ServerConnection) -> None:
            async for message in connection:
                await connection.send(message)

        def take(message: bytes, arrival: float) -> None:
            if message == b"a" * 640:
                got.set()

        async with serve(echo, "127.0.0.1", 0, compression=None, ssl=its) as server:
            uri = f"wss://localhost:{port_of(server)}/"
            connection = await dial(uri, 2, tls=ours, factory=FastConnection)
            assert isinstance(connection, FastConnection)
            connection.on_audio = take
            assert connection.write_frame(masked(b"a" * 640))
            async with asyncio.timeout(60):
                await got.wait()
            await connection.close()

    async def test_refused_handshake(self) -> None:
        """A refusal with a body is explained as on the slow path."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=403, text="not you")

        async with FakeApplication(handshake=refuse) as application:
            with pytest.raises(DialError, match="HTTP 403"):
                await dial(application.socket_url, 2, factory=FastConnection)

    async def test_endless_frame_is_left_to_websockets(self) -> None:
        """A frame that announces more than is allowed ends the connection."""

        async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(accept(head) + b"\x82\x7f" + (1 << 40).to_bytes(8, "big"))
            writer.write(bytes(STREAM_MAX + 1))
            await reader.read(1000)
            writer.close()

        listening = await asyncio.start_server(server, "127.0.0.1", 0)
        async with listening:
            connection = await connect(listening.sockets[0].getsockname()[1])
            async with asyncio.timeout(60):
                await connection.wait_closed()
        assert connection.protocol.close_sent is not None
        assert connection.protocol.close_sent.code == 1009


async def connect(port: int) -> FastConnection:
    """Dial a fast connection."""
    connection = await dial(f"ws://127.0.0.1:{port}/", 2, factory=FastConnection)
    assert isinstance(connection, FastConnection)
    return connection


def port_of(server: Any) -> int:
    """Return a server's port."""
    port: int = next(iter(server.sockets)).getsockname()[1]
    return port


def accept(head: bytes) -> bytes:
    """Return the reply that accepts a handshake (RFC 6455 4.2.2)."""
    key = next(
        line.split(b": ")[1]
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key")
    )
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324 - the RFC's
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


class TestLoad:
    """Ten calls at once."""

    async def test_all_work(self) -> None:
        """Every frame of every call comes back; every call posts its events."""
        async with FakeApplication() as application:
            result = await load(application)
        assert result.ok, result.as_dict()
        assert (result.calls, result.worked, result.sent, result.matched) == (10, 10, 300, 300)
        assert result.delays.total == result.lags.total == 300
        assert result.handshakes.total == result.answers.total == 10
        assert len(application.events) == 80
        assert 1 <= result.most_at_once <= 10
        assert json.dumps(result.as_dict())
        assert "The load was carried." in words(result)

    async def test_event_url(self) -> None:
        """Events go where the application's setting sends them; the NCCO's own keep theirs."""
        async with FakeApplication() as application, FakeApplication() as other:
            plan = CallPlan(application.answer_url, seconds=0.1, event_url=other.event_url)
            result = await run_load(LoadPlan(plan, calls=2, ramp=0))
        assert result.ok, result.as_dict()
        assert application.events == []
        assert len(other.events) == 16

    @pytest.mark.parametrize(
        ("fault", "code", "frames"),
        [
            ("drop=0.3", None, range(1, 25)),
            ("no-close", None, [30]),
            ("late-close=0.2", 1000, [30]),
            ("leading-space", 1000, [30]),
            ("key-order", 1000, [30]),
        ],
    )
    async def test_faults(self, fault: str, code: int | None, frames: list[int]) -> None:
        """Faults go wrong in every call and are nobody's failure; a lost connection has no code."""
        seen: list[int | None] = []
        ended = asyncio.Event()

        async def socket(connection: web.WebSocketResponse) -> None:
            try:
                await echo(connection)
            finally:
                seen.append(connection.close_code)
                ended.set()

        async with FakeApplication(socket) as application:
            plan = CallPlan(application.answer_url, seconds=0.6, faults=Faults.parse([fault]))
            result = await run_load(LoadPlan(plan, calls=1, ramp=0))
            async with asyncio.timeout(60):
                await ended.wait()
        assert result.ok, result.as_dict()
        assert seen == [code]
        assert result.sent in frames
        assert application.statuses("ws:") == ["started", "ringing", "answered", "completed"]
        (first,) = application.texts
        assert first.startswith(" ") == (fault == "leading-space")
        assert (list(json.loads(first))[-1] == "event") == (fault == "key-order")

    async def test_no_secret_for_the_socket(self) -> None:
        """A socket that wants Vonage's authorization is not opened without it."""
        async with FakeApplication() as application:
            application._ncco = [
                application.connect(endpoint={"authorization": {"type": "vonage"}})
            ]
            result = await load(application)
        ((reason, count),) = result.failures.items()
        assert "no signature secret" in reason
        assert count == 10
        assert application.handshakes == []

    async def test_nothing_is_collected_meanwhile(self) -> None:
        """The garbage collector rests while calls run, and works again behind them."""
        during: list[bool] = []

        def note(count: int, frame: bytes) -> list[bytes]:
            during.append(gc.isenabled())
            return [frame]

        async with FakeApplication(every(note)) as application:
            await load(application)
        assert not any(during)
        assert gc.isenabled()

    async def test_lost_frames(self) -> None:
        """Lost frames are counted by content; the calls failed."""
        async with FakeApplication(loses_every(10)) as application:
            result = await load(application, events=False)
        assert result.lost == 30
        assert result.matched == 270
        assert not result.ok
        assert result.failures == {"echo: not every frame came back": 10}
        assert application.events == []

    async def test_strange_frames(self) -> None:
        """What nobody sent is not taken for an echo, though the count is right."""
        change = every(lambda n, frame: [bytes(640) if n == 5 else frame])
        async with FakeApplication(change) as application:
            result = await load(application)
        assert result.strange == 10
        assert result.lost == 10
        assert not result.ok

    async def test_closed_by_the_application(self) -> None:
        """Calls that the application ends have failed, with its code."""
        async with FakeApplication(closes_after(3)) as application:
            result = await load(application)
            assert application.statuses("ws:").count("disconnected") == 10
        assert result.failures == {"socket: the application closed it with 1011": 10}

    async def test_failures_by_kind(self) -> None:
        """Calls that are not answered fail for that reason."""

        async def answer(request: web.Request) -> web.Response:
            status = 500 if len(application.answered) % 2 else 200
            return web.Response(status=status, text="{}", content_type="application/json")

        async with FakeApplication(answer=answer) as application:
            result = await load(application)
        assert sum(result.failures.values()) == 10
        assert {reason.split(":")[0] for reason in result.failures} == {"answer", "ncco"}
        assert "Failed" in words(result)

    async def test_flood(self) -> None:
        """A server that sends without end is left, not endured."""

        async def flood(connection: web.WebSocketResponse) -> None:
            async for message in connection:
                if message.type == WSMsgType.BINARY:
                    for _ in range(500):
                        await connection.send_bytes(bytes(640))

        async with FakeApplication(flood) as application:
            result = await load(application)
        assert any("far more audio" in reason for reason in result.failures)

    async def test_a_slow_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Frames that were never sent are this program's failure, and not lost."""
        monkeypatch.setattr("phone.load.wheel.FRAME_SECONDS", 0.2)
        monkeypatch.setattr("phone.load.socket_talk.PATIENCE", 2.0)
        async with FakeApplication() as application:
            result = await load(application, events=False)
        assert result.failures == {
            "phone: this machine was too slow to send every frame in time": 10
        }
        assert result.lost == 0
        assert 0 < result.sent < 300

    async def test_stop(self) -> None:
        """Stopping hangs all calls up, and what was on its way is not lost."""
        stop = asyncio.Event()
        async with FakeApplication() as application:
            plan = LoadPlan(CallPlan(application.answer_url, seconds=300), calls=5, ramp=0.1)
            async with asyncio.timeout(60):
                result = await run_load(
                    plan, stop=stop, on_live=lambda live: stop.set() if live.open == 5 else None
                )
        assert result.interrupted
        assert result.lost == 0

    async def test_bad_plan(self) -> None:
        """A plan that cannot be carried out raises."""
        with pytest.raises(PlanError):
            await run_load(LoadPlan(CallPlan("nowhere"), 1))


class TestResult:
    """Counting."""

    def test_quantiles(self) -> None:
        """Quantiles are right to a step, and the longest is exact."""
        histogram = Histogram()
        for n in range(1, 101):
            histogram.add(float(n))
        histogram.add(5000.0)
        assert histogram.quantile(0.5) == pytest.approx(51, abs=0.05)
        assert histogram.quantile(0.99) == pytest.approx(100, abs=0.05)
        assert histogram.longest == 5000.0
        assert Histogram().quantile(0.5) is None


class TestCommand:
    """The command line."""

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--calls", "0"],
            ["--ramp", "-1"],
            ["--audio", "no.wav"],
            ["ftp://x/"],
            ["--fault", "jitter=3"],
            ["--fault", "nonsense"],
        ],
    )
    def test_usage(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """A wrong command line is explained, exit 2."""
        assert main(["load", *arguments]) == 2
        assert "phone:" in capsys.readouterr().err

    def test_nobody_there(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A load on nobody fails, and says why."""
        url = "http://127.0.0.1:9/answer"
        assert main(["load", url, "--calls", "2", "--ramp", "0"]) == 1
        assert "2 × answer: no connection" in capsys.readouterr().out
