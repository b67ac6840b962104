"""The service as a process: how it starts, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from wire_peer import BINARY, CLOSE, TEXT, Peer, connected, frame

PATIENCE = 60.0


class Running:
    """A service in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.logged: list[str] = []

    async def line(self, event: str) -> str:
        """Read the log up to an event."""
        if self.process.stdout is None:
            raise AssertionError
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await self.process.stdout.readline()).decode()
                if not line:
                    raise AssertionError(f"no {event} in {self.logged}")
                self.logged.append(line.strip())
                if f" {event} " in line:
                    return self.logged[-1]

    async def port(self, event: str = "listening") -> int:
        """The port that it says it listens on."""
        return int((await self.line(event)).rpartition(":")[2])

    async def end(self) -> int:
        """Wait for its end: the exit status."""
        async with asyncio.timeout(PATIENCE):
            rest, _ = await self.process.communicate()
            self.logged += rest.decode().splitlines()
            return self.process.returncode or 0


@contextlib.asynccontextmanager
async def running(**settings: str) -> AsyncIterator[Running]:
    """Start a service with settings in its environment; it is killed if it does not end."""
    ours = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    environ = {**ours, "PORT": "0", "METRICS_PORT": "0", **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "echo_service",
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Running(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_it_says_where_it_listens_and_stops_when_told() -> None:
    """Without calls a signal ends it at once, with status 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        async with running() as service:
            async with Peer.connect(await service.port()) as peer:
                peer.write(frame(BINARY, b"a"))
                assert await peer.frame() == (BINARY, b"a")
            await service.line("call_ended")
            service.process.send_signal(number)
            assert await service.end() == 0


async def test_a_live_call_outlives_the_signal() -> None:
    """While it drains, no new call is taken, and it is not ready; a live call ends as it likes."""
    async with running(DRAIN_SECONDS="60") as service:
        port = await service.port()
        async with Peer.connect(port) as peer:
            peer.write(frame(TEXT, connected(uuid="a").encode()))
            await service.line("call_started")
            service.process.terminate()
            await service.line("draining")
            async with Peer.reach(port) as late:
                late.write(Peer.handshake())
                head = await late.reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 503 ")
                assert b"\r\nRetry-After: " in head
            async with Peer.reach(port) as asker:
                asker.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
                status, body = await asker.response()
                assert status == 503
                assert json.loads(body)["reasons"] == ["draining: the service is stopping"]
            peer.write(frame(BINARY, bytes(640)))
            assert await peer.frame() == (BINARY, bytes(640))
            peer.write(frame(CLOSE, b"\x03\xe8"))
            assert await peer.closed() == (1000, "")
        assert await service.end() == 0
        assert any("reason=hang_up close_code=1000 closed_by=peer" in it for it in service.logged)


@pytest.mark.parametrize("drain", ["0", "0.2"])
async def test_what_outlasts_the_drain_is_moved(drain: str) -> None:
    """After DRAIN_SECONDS, 0 included, the live calls' sockets are closed with 1012."""
    async with running(DRAIN_SECONDS=drain) as service:
        async with Peer.connect(await service.port()) as peer:
            peer.write(frame(TEXT, connected(uuid="a").encode()))
            await service.line("call_started")
            service.process.terminate()
            assert await peer.closed() == (1012, "the service restarts")
            peer.write(frame(CLOSE, b"\x03\xf4"))
        assert await service.end() == 0
        assert any("reason=moved close_code=1012" in line for line in service.logged)


async def test_moves_are_spread() -> None:
    """The sockets are closed one after the other, over MOVE_SECONDS, and none is left out."""
    async with running(DRAIN_SECONDS="0", MOVE_SECONDS="1") as service, AsyncExitStack() as stack:
        port = await service.port()
        peers = [await stack.enter_async_context(Peer.connect(port)) for _ in range(5)]
        for number, peer in enumerate(peers):
            peer.write(frame(TEXT, connected(uuid=f"call-{number}").encode()))
            await service.line("call_started")
        loop = asyncio.get_running_loop()

        async def closed(peer: Peer) -> float:
            assert (await peer.closed())[0] == 1012
            peer.write(frame(CLOSE, b"\x03\xf4"))
            return loop.time()

        service.process.terminate()
        times = sorted(await asyncio.gather(*map(closed, peers)))
        assert times[-1] - times[0] >= 0.7  # 4 pauses of 200 ms
        assert await service.end() == 0


async def test_a_call_that_was_done_can_still_be_asked_about(tmp_path: Path) -> None:
    """A call whose handler hangs up while the service stops: the process stays for the question."""
    (tmp_path / "hanging.py").write_text(HANGS_UP)
    settings = {"AUDIO_HANDLER": "hanging:up", "PYTHONPATH": str(tmp_path), "DRAIN_SECONDS": "60"}
    async with running(**settings) as service:
        observed = await service.port("metrics_listening")
        async with Peer.connect(await service.port()) as peer:
            peer.write(frame(TEXT, connected(uuid="a").encode()))
            await service.line("call_started")
            service.process.terminate()
            await service.line("draining")
            peer.write(frame(TEXT, b'{"event":"websocket:dtmf","digit":"1","duration":260}'))
            assert await peer.closed() == (1000, "")
            peer.write(frame(CLOSE, b"\x03\xe8"))
        await service.line("call_ended")
        async with Peer.reach(observed) as asker:
            asker.write(b"GET /calls/a HTTP/1.1\r\nHost: x\r\n\r\n")
            status, body = await asker.response()
        assert (status, json.loads(body)["done"]) == (200, True)
        assert await service.end() == 0


HANGS_UP = """
from echo_service.handlers import Dtmf

async def up(call):
    async for _, event in call:
        if isinstance(event, Dtmf):
            return
"""
"""A handler that ends its call on purpose."""


async def test_a_second_signal_stops_at_once() -> None:
    """Live calls are cut off, and the status is 0: it was asked for."""
    async with running(DRAIN_SECONDS="60") as service:
        async with Peer.connect(await service.port()) as peer:
            peer.write(frame(TEXT, connected(uuid="a").encode()))
            await service.line("call_started")
            service.process.terminate()
            await service.line("draining")
            service.process.terminate()
            assert (await peer.closed())[0] == 1006
        assert await service.end() == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"PORT": "x"}, "PORT is 'x'"),
        ({"AUDIO_HANDLER": "nonsense"}, "there is no handler 'nonsense'"),
        ({"AUDIO_HANDLER": "nonsense.module:name"}, "cannot be imported"),
        ({"AUDIO_HANDLER": "echo_service.protocol:parse"}, "not an asynchronous function"),
        ({"AUDIO_HANDLER": "echo_service.handlers.echo:ecco"}, "handlers in this module: echo"),
        ({"SOCKET_AUTH": "all"}, "give one of ticket, vonage, none\n"),
    ],
)
async def test_a_wrong_setting_stops_the_start(settings: dict[str, str], words: str) -> None:
    """It says which setting is wrong, without a traceback, and ends with status 78."""
    async with running(**settings) as service:
        assert await service.end() == 78
        whole = "\n".join(service.logged) + "\n"
        assert words in whole
        assert "Traceback" not in whole


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def x(:", "SyntaxError: "),
        ("\nlater()", "NameError: name 'later' is not defined, "),
        ("import nowhere", "No module named 'nowhere'"),
    ],
)
async def test_a_handler_that_cannot_be_imported(tmp_path: Path, code: str, words: str) -> None:
    """Whatever its module raises, it is said in a line, with the place."""
    (tmp_path / "broken.py").write_text(code)
    async with running(AUDIO_HANDLER="broken:name", PYTHONPATH=str(tmp_path)) as service:
        assert await service.end() == 78
        whole = "\n".join(service.logged)
        assert words in whole
        assert "broken.py" in whole or "nowhere" in whole
        assert "Traceback" not in whole


@pytest.mark.parametrize("setting", ["PORT", "METRICS_PORT"])
async def test_a_taken_port_stops_the_start(setting: str) -> None:
    """It says which port is taken, without a traceback, and ends with status 71."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = str(taken.getsockname()[1])
        async with running(**{setting: number}) as service:
            assert await service.end() == 71
            whole = "\n".join(service.logged)
            assert number in whole
            assert setting in whole
            assert "Traceback" not in whole


BLOCKING = """
import asyncio, json, time

def hold_up(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

async def own(call):
    async for event in call:
        time.sleep(3.5)
        break
    async for event in call:
        pass

async def task(call):
    async def work():
        time.sleep(3.5)
    work = asyncio.create_task(work())
    async for event in call:
        pass

async def source(call):
    async def sound():
        yield bytes(640)
        json.loads("{}", object_hook=lambda found: hold_up(3.5))
    await call.play(sound())
    async for event in call:
        pass
"""
"""Handlers that hold up the loop."""


@pytest.mark.parametrize(
    ("name", "function"),
    [("own", "own"), ("task", "task.<locals>.work"), ("source", "hold_up")],
)
async def test_what_blocks_is_named(tmp_path: Path, name: str, function: str) -> None:
    """The handler, a task of its, a sound's source: the log names the line, the metrics count."""
    (tmp_path / "blocking.py").write_text(BLOCKING)
    async with running(AUDIO_HANDLER=f"blocking:{name}", PYTHONPATH=str(tmp_path)) as service:
        observed = await service.port("metrics_listening")
        async with Peer.connect(await service.port()) as peer:
            peer.write(frame(TEXT, connected(uuid="a").encode()) + frame(BINARY, bytes(640)))
            said = await service.line("loop_blocked")
            assert re.search(rf'blocking\.py:\d+ {re.escape(function)}" message=', said)
            said = await service.line("loop_unblocked")
            assert re.search(rf'blocking\.py:\d+ {re.escape(function)}"$', said)
            async with Peer.reach(observed) as asker:
                asker.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                _, body = await asker.response()
    seen = re.findall(r"^echo_handler_(blocked\w*)_total (\S+)$", body.decode(), re.MULTILINE)
    figures = {name: float(value) for name, value in seen}
    assert figures["blocked"] == 1
    assert 2.9 < figures["blocked_seconds"] < 7


RETURNS = """
async def early(call):
    await call.play(bytes(2 * 8000 * 5))

async def waits(call):
    playing = await call.play(bytes(2 * 8000 // 10))
    await playing.wait()
"""
"""Handlers that return while their sound plays, and when it is over."""


@pytest.mark.parametrize(("name", "said"), [("early", True), ("waits", False)])
async def test_a_sound_that_is_cut_off_is_said(tmp_path: Path, name: str, said: bool) -> None:
    """When a handler returns while its sound plays, the log says how much was not heard."""
    (tmp_path / "returns.py").write_text(RETURNS)
    settings = {"AUDIO_HANDLER": f"returns:{name}", "PYTHONPATH": str(tmp_path)}
    async with running(**settings) as service:
        async with Peer.connect(await service.port()) as peer:
            peer.write(frame(TEXT, connected(uuid="a", rate=8000).encode()))
            assert await peer.closed() == (1000, "")
        await service.line("call_ended")
    (line,) = [line for line in service.logged if " sound_cut " in line] or [""]
    assert bool(line) == said
    if said:
        assert re.search(r"seconds_not_played=(5|4\.\d) ", line)
        assert "await playing.wait()" in line
