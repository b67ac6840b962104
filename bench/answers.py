"""`make -C bench answers`: ncco-service's answers a second, and the time that one takes.

Compared with a bare Flask view under the same gunicorn; signed and unsigned; and with a tunnel
agent that hangs, is slow, or is dead, since no caller may wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import ncco_service.settings

from bench import http_load, machine, record
from bench.files import write_whole
from bench.http_load import Asked
from bench.peers.catalogue import BENCH
from bench.processes import Cores
from bench.record import Rounds
from bench.server import Server, ServerError

__all__ = ["main"]

RATE = 100
SLOW_AGENT_SECONDS = 0.9
SECRET = secrets.token_hex(32)
BARE = ("-m", "gunicorn", "--config=python:bench.peers.bare_flask_conf")
OURS = ("-m", "ncco_service")
BODY = json.dumps(
    {
        "from": "447700900000",
        "to": "447700900001",
        "uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "conversation_uuid": "CON-aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "region_url": "https://api-us-3.vonage.com",
    }
).encode()


@dataclass(frozen=True)
class Case:
    """One server, its settings, and the kind of request.

    Args:
        label: for the table.
        arguments: of Python, start the server.
        environ: variables it gets.
        signed: whether requests carry Vonage's JWT.
        agent: the tunnel agent's behaviour: hangs, slow, dead; None: it has none.

    """

    label: str
    arguments: tuple[str, ...]
    environ: dict[str, str]
    signed: bool = False
    agent: str | None = None


def _cases() -> list[Case]:
    known = {variable.name for variable in ncco_service.settings.VARIABLES}
    socket = {"SOCKET_URL": "ws://127.0.0.1:8001/socket"}
    signed = {"VONAGE_SIGNATURE_SECRET": SECRET}
    cases = [
        Case("bare Flask view", (*BARE, "bench.peers.bare_flask:application"), {}),
        Case("ncco-service, unsigned", OURS, socket),
    ]
    if set(signed) <= known:
        cases.append(Case("ncco-service, signed", OURS, socket | signed, signed=True))
    cases += [
        Case(f"ncco-service, the tunnel agent {agent}", OURS, {}, agent=agent)
        for agent in ("hangs", "is slow", "is dead")
    ]
    return cases


def _request(signed: bool) -> Callable[[], bytes]:
    head = (
        "POST /webhooks/answer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
    )
    plain = f"{head}\r\n".encode() + BODY
    digest = hashlib.sha256(BODY).hexdigest()

    def sign() -> bytes:
        claims = {
            "iss": "Vonage",
            "iat": int(time.time()),
            "jti": secrets.token_hex(16),
            "payload_hash": digest,
            "api_key": "abcd1234",
        }
        token = jwt.encode(claims, SECRET, "HS256")
        return f"{head}Authorization: Bearer {token}\r\n\r\n".encode() + BODY

    return sign if signed else lambda: plain


@contextlib.asynccontextmanager
async def _agent(kind: str | None) -> AsyncIterator[dict[str, str]]:
    """Simulate a broken tunnel agent; yields the environment variables that point to it."""
    if kind is None:
        yield {}
        return

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when the run ends: asyncio's streams would print a traceback of it.
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            if kind == "is slow":
                await asyncio.sleep(SLOW_AGENT_SECONDS)
                body = b'{"endpoints": [], "tunnels": []}'
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
                writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            else:
                await asyncio.wait_for(reader.read(), 60)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if kind == "is dead":
        server.close()
    try:
        yield {"NGROK_API_URL": f"http://127.0.0.1:{port}", "AGENT_POLL_SECONDS": "0.1"}
    finally:
        server.close()


async def _measure(case: Case, core: int, seconds: float) -> dict[str, Asked]:
    request = _request(case.signed)
    async with _agent(case.agent) as environ:
        with Server((sys.executable, *case.arguments), {**case.environ, **environ}, core) as server:
            await http_load.flat_out(server.port, request, 0.3)
            found = {"at_rate": await http_load.at_rate(server.port, request, seconds, RATE)}
            if case.agent is None:
                found["flat_out"] = await http_load.flat_out(server.port, request, seconds)
    return found


def _figures(found: dict[str, Asked]) -> dict[str, float | None]:
    """Return one round of one case as figures."""
    return {
        f"{way}_{name}": getattr(asked, name)
        for way, asked in found.items()
        for name in ("per_second", "p50_ms", "p99_ms", "max_ms", "failed")
    }


def _table(figures: Mapping[str, Rounds]) -> str:
    lines = [
        "| server | answers/s | p50 / p99 ms, flat out | "
        f"p50 / p99 / max ms at {RATE} a second | failed |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for label, found in figures.items():
        medians = {name: record.median(values) for name, values in found.items()}
        rate = medians.get("flat_out_per_second")
        flat = [medians.get(f"flat_out_{name}") for name in ("p50_ms", "p99_ms")]
        paced = [medians[f"at_rate_{name}"] for name in ("p50_ms", "p99_ms", "max_ms")]
        failed = sum(
            sum(value or 0 for value in found.get(f"{way}_failed", ()))
            for way in ("at_rate", "flat_out")
        )
        lines.append(
            f"| {label} | {'–' if rate is None else f'{rate:,.0f}'} | {_times(flat)} | "
            f"{_times(paced)} | {failed:.0f} |"
        )
    return "\n".join(lines)


def _times(values: Sequence[float | None]) -> str:
    return " / ".join("–" if value is None else f"{value:.2f}" for value in values)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.answers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=BENCH / "results")
    options = parser.parse_args()
    cores, cases, about = Cores(), _cases(), machine.provenance()
    os.sched_setaffinity(0, {cores.load})
    rounds: dict[str, list[dict[str, Asked]]] = {case.label: [] for case in cases}
    try:
        for number in range(options.rounds):
            for case in cases[:: -1 if number % 2 else 1]:
                print(f"round {number + 1}  {case.label}", file=sys.stderr, flush=True)
                found = asyncio.run(_measure(case, cores.server, options.seconds))
                rounds[case.label].append(found)
    except ServerError as error:
        print(f"answers: {error}", file=sys.stderr)
        return 1
    return _keep(about, rounds, options.results, options.seconds)


def _keep(
    about: dict[str, Any],
    rounds: dict[str, list[dict[str, Asked]]],
    folder: Path,
    seconds: float,
) -> int:
    on = about["machine"]
    count = max(map(len, rounds.values()))
    failures = sorted(
        {
            f"{label}: {asked.first_failure}"
            for label, found in rounds.items()
            for one in found
            for asked in one.values()
            if asked.first_failure
        }
    )
    figures = {label: record.gathered([_figures(one) for one in rounds[label]]) for label in rounds}
    text = (
        f"# Answers, {about['date']}\n\n{on['cpu']}, {on['cores']} cores, Linux "
        f"{on['kernel']}; Python {on['python']}; {', '.join(about['versions'])}. Median of "
        f"{count} rounds of {seconds:g} s, server on one core, client on the other; flat out: 16 "
        f"connections. Commit {about['commit']}.\n\n{_table(figures)}\n"
        + "".join(f"\n- failed: {failure}" for failure in failures)
    )
    print(text)
    stem = record.stem(folder, about["commit"], "answers")
    record.write(
        stem.with_suffix(".json"),
        {
            **about,
            "labels": {label: label for label in figures},
            "figures": figures,
            "notes": failures,
        },
    )
    write_whole(stem.with_suffix(".md"), text + "\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
