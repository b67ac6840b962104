"""The bench runs, and what it reports can be believed."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import exactness, load, record
from bench.peers.catalogue import LIMIT, OURS, PLAIN, named
from bench.plan import TINY
from bench.rounds import Run
from bench.run import main
from bench.server import Server
from bench.table import markdown
from bench.tickets import tickets

CHEAT = """
import asyncio
from websockets.asyncio.server import serve

async def echo(connection):
    async for message in connection:
        if isinstance(message, bytes):
            await connection.send({answer})

async def main():
    async with serve(echo, "127.0.0.1", 0, compression=None) as server:
        port = server.sockets[0].getsockname()[1]
        print(f"listening url=http://127.0.0.1:{{port}}", flush=True)
        await server.serve_forever()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def limit() -> Iterator[Server]:
    """The C echo, running."""
    peer = named("c-epoll")
    with Server(peer.command, {}, 0) as server:
        yield server


def test_a_tiny_bench_measures_the_limit_and_the_service(tmp_path: Path) -> None:
    """Both servers return every byte, and the kept file has all figures of the plan."""
    run = Run(TINY)
    record.write(tmp_path / "tiny.json", run.results())
    results = record.read(tmp_path / "tiny.json")
    assert {peer for peer, _ in run.reports} == set(results["figures"]) == {"c-epoll", OURS}
    for _, report in run.reports:
        assert report.failure is None, report
        assert report.corrupted == report.reordered == 0
    peers = record.summarised(results["figures"], LIMIT, PLAIN)
    for peer in peers.values():
        for name, least in (
            ("flood1_frames_per_second", 100),
            ("flood1_cpu_us", 0.1),
            ("paced20_p50_ms", 0),
            ("handshakes_per_second", 1),
        ):
            assert (peer[name]["median"] or 0) > least, name
        assert peer["kib_per_call"]["median"] is not None
    assert peers["c-epoll"]["flood1_cpu_us"]["of_limit"] == 1
    assert "| echo-service |" in markdown(results)


def test_paced_calls_send_fifty_frames_a_second_and_get_all_back(limit: Server) -> None:
    """The schedule is kept: as many frames as the time has periods, on each call."""
    report = load.run("paced", limit.port, {"calls": 7, "seconds": 1, "warmup": 0.1, "window": 0.5})
    assert report.failure is None
    assert report.sent + report.skipped == 7 * 50
    assert report.echoed == report.sent
    assert report.delay_ms.count == report.echoed
    assert 0 < report.delay_ms.p50 <= report.delay_ms.p99 <= report.delay_ms.max
    assert sum(window["frames"] for window in report.windows) == report.echoed


def test_a_flood_ends_after_the_frames_asked_for(limit: Server) -> None:
    """Sixteen frames are in flight, none is lost, and the count is exact to the last batch."""
    options = {"calls": 3, "depth": 16, "frames": 1000, "seconds": 10, "warmup": 0}
    report = load.run("flood", limit.port, options)
    assert report.failure is None
    assert 1000 <= report.echoed <= 1000 + 3 * 16


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("paced", {"calls": 40, "seconds": 1, "warmup": 0.1}),
        ("flood", {"calls": 10, "depth": 1, "seconds": 0.5, "warmup": 0.1}),
        ("flood", {"calls": 10, "depth": 16, "seconds": 0.5, "warmup": 0.1}),
    ],
)
def test_the_services_metrics_and_summaries_are_exact(mode: str, options: dict[str, float]) -> None:
    """Whichever way frames went, what echo-service counts is what the generator did."""
    peer = named(OURS)
    with Server(peer.command, peer.environ, 0) as server:
        report = load.run(mode, server.port, options)
        assert exactness.compared(server, report) == []
        wrong = dataclasses.replace(
            report, frames_sent=report.frames_sent + 1, frames_back=report.frames_back + 1
        )
        assert any("echo_frames_total" in line for line in exactness.compared(server, wrong) or ())
        text = server.printed(whole=True)
    summed = [
        sum(map(int, re.findall(rf" {name}=(\d+)", text)))
        for name in ("frames_in", "frames_out", "bytes_in", "odd_frames", "dropped_frames")
    ]
    frames = report.frames_sent
    assert summed == [frames, frames, 640 * frames, 0, 0]
    if mode == "paced":
        assert text.count(f" frames_in={frames // report.calls} ") == report.calls


def test_a_server_without_metrics_is_not_compared(limit: Server) -> None:
    """The C echo counts nothing."""
    report = load.run("paced", limit.port, {"calls": 1, "seconds": 0.1, "warmup": 0})
    assert exactness.compared(limit, report) is None


def test_a_deaf_peer_is_not_written_to_without_bound(limit: Server) -> None:
    """The C echo stops reading from a peer that does not read."""
    before = limit.memory_bytes()
    report = load.run("deaf", limit.port, {"calls": 1, "seconds": 0.5})
    assert report.bytes_sent > 0
    assert limit.memory_bytes() - before < 1 << 20


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("message[:-1] + bytes([message[-1] ^ 1])", "an echo differs from what was sent"),
        ("message[:-1]", "a frame of 639 bytes"),
        ("message * 2", "a frame of 1280 bytes"),
    ],
)
def test_the_generator_notices_a_peer_that_does_not_echo(answer: str, failure: str) -> None:
    """One wrong bit, a byte too few, a frame too long: each is a failure."""
    with Server((sys.executable, "-c", CHEAT.format(answer=answer)), {}, 0) as server:
        report = load.run("paced", server.port, {"calls": 1, "seconds": 0.5, "warmup": 0})
    assert report.corrupted > 0
    assert report.failure is not None
    assert failure in report.failure


def test_the_generator_notices_an_echo_that_comes_twice() -> None:
    """A frame echoed again, behind its successor, is out of order."""
    answer = "message) or await connection.send(message"
    with Server((sys.executable, "-c", CHEAT.format(answer=answer)), {}, 0) as server:
        report = load.run("paced", server.port, {"calls": 1, "seconds": 0.5, "warmup": 0})
    assert report.reordered > 0
    assert report.failure is not None
    assert "came after" in report.failure


def test_frames_that_never_come_back_are_late() -> None:
    """A server that swallows every frame holds no call."""
    answer = "b'' if False else 'a text instead of audio'"
    with Server((sys.executable, "-c", CHEAT.format(answer=answer)), {}, 0) as server:
        report = load.run("paced", server.port, {"calls": 2, "seconds": 0.2, "warmup": 0})
    assert report.sent + report.skipped == 20
    assert report.sent > 0
    assert (report.echoed, report.late) == (0, report.sent)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "MODE and PORT are needed"),
        (["paced", "99999"], "PORT must be a number from 1 to 65535: 99999"),
        (["--calls=0", "paced", "1"], "--calls must be a number from 1 to 60000: 0"),
        (["--host=localhost", "paced", "1"], "--host must be an IPv4 address: localhost"),
        (["sing", "1"], "no such mode: sing"),
    ],
)
def test_wrong_usage_is_said_and_ends_with_2(arguments: list[str], message: str) -> None:
    """A wrong argument names itself."""
    done = subprocess.run([load.LOADGEN, *arguments], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_peer_that_is_not_there_is_a_failure(unused_tcp_port: int) -> None:
    """Nobody listens: exit status 1, and the reason in the report."""
    command = [str(load.LOADGEN), "paced", str(unused_tcp_port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert "Connection refused" in json.loads(done.stdout)["failure"]


def test_an_unknown_peer_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The message lists those that there are."""
    assert main(["--peers", "apache", "--results", str(tmp_path)]) == 64
    assert "--peers has apache; there are c-epoll" in capsys.readouterr().err


def test_handshakes_carry_one_token_each_and_end_after_so_many(tmp_path: Path) -> None:
    """Every handshake has a ticket of its own; when they are used up the generator says so."""
    peer = named("tickets")
    with tickets(peer) as path, Server(peer.command, peer.environ, 0) as server:
        options: dict[str, float | str] = {"calls": 4, "seconds": 60, "tokens": path, "frames": 20}
        report = load.run("handshakes", server.port, options)
        assert report.failure is None
        assert 20 <= report.handshakes < 24
        again = load.run("handshakes", server.port, options)
        assert again.failure is not None
        assert "401" in again.failure
        few = tmp_path / "none"
        few.write_text("")
        none = load.run("handshakes", server.port, {**options, "tokens": str(few)})
    assert none.failure == "the tokens are used up: give more"


def test_a_sound_is_counted_frame_by_frame() -> None:
    """What a peer plays is no echo: it is counted, and nothing is late."""
    answer = "b'1' * 640) or await connection.send(b'2' * 640"
    with Server((sys.executable, "-c", CHEAT.format(answer=answer)), {}, 0) as server:
        options = {"calls": 2, "seconds": 0.5, "warmup": 0, "sound": True}
        report = load.run("paced", server.port, options)
    assert report.failure is None
    assert report.frames_back > 1.5 * report.sent > 0
    assert report.late == 0
