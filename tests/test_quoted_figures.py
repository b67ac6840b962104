"""Figures in the documentation equal those that the bench measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import record
from bench.answer_cases import BARE
from bench.paths_table import ratio_rows
from bench.peers.catalogue import LIMIT, OURS, PLAIN
from tests import kept_runs

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "results"
BENCH, PHONE = "bench/README.md", "docs/phone.md"


def figures(name: str) -> dict[str, dict[str, float]]:
    """Return the medians of a figures file, by server and figure."""
    found = record.read(RESULTS / f"{name}.json")["figures"]
    medians = {
        peer: {figure: record.median(values) for figure, values in rounds.items()}
        for peer, rounds in found.items()
    }
    return {
        peer: {figure: value for figure, value in values.items() if value is not None}
        for peer, values in medians.items()
    }


SERVERS = figures(kept_runs.SERVERS)
GATEWAY = figures("2026-11-22-2102-79cdc8c")
ANSWERS = figures(kept_runs.ANSWERS)
SOAK = figures(kept_runs.SOAK)[OURS]
LOAD = figures("2026-11-22-phone-load")
MIXER = figures("2026-11-25-2051-mixer-e738f78")["phone"]
BY_ITSELF = record.read(RESULTS / f"{kept_runs.SERVERS}.json")
HOPS = figures(kept_runs.HOPS)
TLS = figures("2026-11-25-gateway-tls")
PATHS = record.read(RESULTS / f"{kept_runs.PATHS}.json")
HOP = record.read(RESULTS / "2026-11-22-2102-79cdc8c.json")["gateway"]
ROWS = {
    "epoll loop in C (the limit)": LIMIT,
    "**echo-service**": OURS,
    "picows, uvloop": "picows",
    "Node ws": "node-ws",
    "aiohttp, uvloop": "aiohttp",
    "websockets, uvloop": "websockets-uvloop",
    "websockets, asyncio's loop": PLAIN,
    "Tornado, as in the original guide": "tornado",
}


GATEWAYS = ("HAProxy 3.0, the gateway", "nginx 1.26", "Caddy 2.6, the gateway before")


def text_of(page: str) -> str:
    """Return a page with its line breaks as spaces."""
    return re.sub(r"\s+", " ", (ROOT / page).read_text())


def in_kilo(figures: dict[str, float], name: str) -> str:
    """Return instructions in thousands, formatted as in the table."""
    return f"{figures[name] / 1000:.1f}" if name in figures else "–"


def server_row(label: str) -> str:
    """Return a server's row of the README's table."""
    peer = SERVERS[ROWS[label]]
    held = peer["calls_held"]
    kilo = (in_kilo(peer, f"flood{depth}_instructions_user") for depth in (1, 16))
    return (
        f"| {label} | {held:,.0f} | {held / SERVERS[LIMIT]['calls_held']:.2f} "
        f"| {held / SERVERS[PLAIN]['calls_held']:.2f} | {' / '.join(kilo)} "
        f"| {peer['flood1_cpu_us']:.1f} / {peer['flood16_cpu_us']:.1f} "
        f"| {peer['kib_per_call']:.1f} |"
    )


def answers_row(label: str) -> str:
    """Return ncco-service's row of the README's table."""
    case = ANSWERS[label]
    costs = []
    for name, unit in (("instructions_user", 1000), ("cpu_us", 1)):
        value = case.get(name)
        ratio = value / ANSWERS[BARE][name] if value else None
        costs += [f"{value / unit:,.0f}", f"{ratio:.2f}"] if value else ["–", "–"]
    rate = f"{case['flat_out_per_second']:,.0f}" if "flat_out_per_second" in case else "–"
    times = f"{case['at_rate_p50_ms']:.2f} / {case['at_rate_p99_ms']:.2f}"
    return f"| {label} | {' | '.join(costs)} | {rate} | {times} |"


def hop_row(label: str) -> str:
    """Return a gateway's row of the README's table."""
    gateway, caddy = HOPS[label.split()[0].lower()], HOPS["caddy"]
    costs = [gateway[f"paced{calls}_cpu_us"] for calls in (100, 200)]
    shares = [gateway[name] / caddy[name] for name in ("paced100_cpu_us", "paced200_cpu_us")]
    return (
        f"| {label} | {costs[0]:.1f} / {costs[1]:.1f} | {shares[0]:.2f} / {shares[1]:.2f} "
        f"| {gateway['kib_per_call']:.1f} |"
    )


def with_tls() -> str:
    """Return the sentence about gateways that end TLS."""
    ours, caddy = TLS["haproxy"], TLS["caddy"]
    names = ("paced100_cpu_us", "paced200_cpu_us")
    own, others = (" / ".join(f"{of[name]:.1f}" for name in names) for of in (ours, caddy))
    shares = " / ".join(f"{ours[name] / caddy[name]:.2f}" for name in names)
    return (
        f"HAProxy takes {own} µs and {ours['kib_per_call']:.0f} KiB a call, "
        f"Caddy {others} µs and {caddy['kib_per_call']:.0f} KiB: {shares} of the time."
    )


def mixer_row(members: int) -> str:
    """Return the line of the table of the phone's mixer."""
    return f"| {members} | {MIXER[f'members{members}_tick_ms']:.2f} ms |"


def load_row(calls: int) -> str:
    """Return a row of the table of `phone load`."""
    of = {name: LOAD[OURS][f"calls{calls}_{name}"] for name in ("lost", "late", "cpu_share")}
    lag, delay = (
        " / ".join(f"{LOAD[OURS][f'calls{calls}_{time}_{p}_ms']:.2f}" for p in ("p50", "p99"))
        for time in ("lag", "delay")
    )
    return (
        f"| {calls} | {of['lost']:.0f} | {of['late']:.0f} | {lag} | {delay} "
        f"| {of['cpu_share']:.0%} |".replace("%", " %")
    )


@pytest.mark.parametrize(
    ("page", "row", "labels"),
    [
        (BENCH, server_row, list(ROWS)),
        (BENCH, answers_row, list(ANSWERS)),
        (BENCH, hop_row, list(GATEWAYS)),
        (PHONE, load_row, [200, 400, 600]),
        (PHONE, mixer_row, [2, 10, 25, 50]),
    ],
    ids=["servers", "answers", "gateways", "load", "mixer"],
)
def test_tables(page: str, row: Callable[[Any], str], labels: list[Any]) -> None:
    """Every row of a table of results equals the kept figures."""
    lines = (ROOT / page).read_text().splitlines()
    assert [line for label in labels if (line := row(label)) not in lines] == []


def sentences() -> dict[str, list[str]]:
    """Return the phrases with figures that each page must contain."""
    two, one = BY_ITSELF["replicas"]["two"], BY_ITSELF["replicas"]["one"]
    ours, plain = SERVERS[OURS], SERVERS["websockets-uvloop"]
    void = [outcome for _, outcome in HOP["trials"]].count("void")
    per_call = HOPS["haproxy"]["kib_per_call"]
    bare, reading, unsigned, signed = (
        round(case["instructions_user"] / 1000) for case in list(ANSWERS.values())[:4]
    )
    return {
        BENCH: [
            f"held {two:,.0f} calls, one held {one:,.0f}: {two / one:.2f} times",
            f"opened and closed {ours['handshakes_per_second']:,.0f} calls a second, plain "
            f"`websockets` on the same loop {plain['handshakes_per_second']:,.0f}, picows "
            f"{SERVERS['picows']['handshakes_per_second']:,.0f}.",
            f"{SOAK['calls']:,.0f} calls: {SOAK['frames']:,.0f} frames, {SOAK['lost']:.0f} lost, "
            f"{SOAK['late']:,.0f} ({SOAK['late'] / SOAK['frames'] * 100:.2f} %) more than 60 ms "
            f"late; p99 went from {SOAK['first_p99_ms']:.1f} to {SOAK['last_p99_ms']:.1f} ms and "
            f"memory from {SOAK['first_memory_mib']:.2f} to {SOAK['last_memory_mib']:.2f} MiB, at "
            f"{SOAK['cpu_share'] * 100:.0f} % of a core",
            f"{HOP['calls_held']} calls held, where one core without the gateway held "
            f"{GATEWAY[OURS]['calls_held']:,.0f}",
            f"{void} of {len(HOP['trials'])} trials were void",
            with_tls(),
            f"Of the {unsigned - bare:,.0f} thousand instructions over the bare view, "
            f"{reading - bare:,.0f} are",
            f"A signature takes {signed - unsigned:,.0f} thousand",
        ],
        PHONE: [
            f"With 50 members for a minute, {MIXER['late_ticks']:.0f} of {MIXER['ticks']:,.0f} "
            f"ticks were more than 20 ms late, the worst {MIXER['worst_lag_ms']:.1f} ms, at "
            f"{MIXER['cpu_share'] * 100:.1f} % of a core."
        ],
        "docs/containers.md": [
            f"HAProxy, which needs {per_call:.0f} KiB and two open files for a call, with TLS "
            f"{TLS['haproxy']['kib_per_call']:.0f} KiB."
        ],
        ".env.example": [f"Memory of the gateway: {per_call:.0f} KiB a call"],
    }


@pytest.mark.parametrize("page", sentences())
def test_sentences(page: str) -> None:
    """Figures in running text equal the kept ones."""
    text = text_of(page)
    assert [sentence for sentence in sentences()[page] if sentence not in text] == []


def test_share_of_the_documented_path() -> None:
    """The share of calls that plain `websockets` holds is the measured one."""
    share = SERVERS["websockets-uvloop"]["calls_held"] / SERVERS[OURS]["calls_held"]
    assert share == pytest.approx(1 / 3, abs=0.02)
    assert "holds a third of the calls" in text_of(BENCH)


def test_ratios_beside_the_fast_path() -> None:
    """Every row of the table of ratios equals the kept run."""
    lines = (ROOT / BENCH).read_text().splitlines()
    assert [row for row in ratio_rows(PATHS) if row not in lines] == []
