"""A call as one HTML page that needs nothing else: pictures, timeline, NCCO, requests and replies.

Everything that came from the application is escaped, and the page forbids itself scripts.
"""

import html
import json
import os
from collections.abc import Iterator
from pathlib import Path

from phone.constants import FRAME_MS, FRAME_SECONDS
from phone.drawing import Axis, delays, waveform
from phone.exchange import Exchange
from phone.hearing import PLATFORM_RATE
from phone.report import CallReport, SocketReport
from phone.words import counted

__all__ = ["page", "write_page"]

COMPARED = {"exact": "by its bytes", "correlation": "by its sound", "none": "nothing to compare"}
SOUNDS_SHOWN = 20
STYLE = """
:root { color-scheme: light }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 1.5rem auto;
       padding: 0 1rem; color: #1a1a1a; background: #fff }
h1 { font-size: 1.3rem; margin: 0; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; overflow-wrap: anywhere }
header { border-left: .4rem solid; padding-left: .8rem }
header p { margin: .2rem 0 0 } header h1, small, .quiet { color: #1a1a1a } .quiet { opacity: .7 }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0;
         border-bottom: 1px solid #eee; overflow-wrap: anywhere }
th, .k { white-space: nowrap; width: 1% }
.n { text-align: right; white-space: nowrap; width: 1%; font-variant-numeric: tabular-nums }
pre { background: #f6f6f6; padding: .6rem; margin: .3rem 0 .6rem; white-space: pre-wrap;
      overflow-wrap: anywhere; font-size: 13px }
summary { cursor: pointer; overflow-wrap: anywhere; padding: .15rem 0 }
svg { width: 100%; height: auto; display: block }
h3 { font-size: .85rem; font-weight: 600; color: #444; margin: 1rem 0 .2rem }
dl { display: flex; flex-wrap: wrap; gap: .6rem; margin: .6rem 0 1rem }
dl div { flex: 1 1 8rem; background: #f6f6f6; border-radius: .4rem; padding: .4rem .7rem }
dt { font-size: .8rem; color: #555 } dd { margin: 0; font-size: 1.25rem; font-weight: 600 }
small { font-size: .8rem; font-weight: 400; opacity: .7 }
.worked { color: #176b2c } .failed, .failure { color: #b00020 } .warning { color: #8a5a00 }
.event, .message { color: #555 }
"""


def write_page(report: CallReport, path: Path) -> None:
    """Write the page, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(page(report), "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def page(report: CallReport) -> str:
    """Return the page."""
    verdict = "worked" if report.ok else "failed"
    words = "The call worked." if report.ok else "The call did not work."
    body = [
        f'<header class="{verdict}"><h1>Call to {_(report.answer_url)}</h1>',
        f"<p><strong>{words}</strong></p>",
        f'<p class="quiet">{report.seconds:.1f} s · {_(report.conversation_uuid)}</p></header>',
        *_problems(report),
    ]
    for socket in report.sockets:
        body += _socket(socket)
    body += _played(report)
    body += _timeline(report)
    body += _exchanges(report)
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta http-equiv="Content-Security-Policy" '
            "content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            '<meta name="viewport" content="width=device-width">',
            f"<title>Call to {_(report.answer_url)}</title>",
            f"<style>{STYLE}</style></head><body>",
            *body,
            "</body></html>",
        ]
    )


def _(text: object) -> str:
    return html.escape(str(text))


def _problems(report: CallReport) -> Iterator[str]:
    if not report.problems:
        return
    yield "<h2>Problems</h2><table>"
    for problem in report.problems:
        yield (
            f'<tr class="{problem.severity}"><td class="k">{problem.severity}</td>'
            f'<td class="k">{_(problem.step)}</td>'
            f"<td>{_(problem.seen)}<br>→ {_(problem.advice)}</td></tr>"
        )
    yield "</table>"


def _socket(socket: SocketReport) -> Iterator[str]:
    trace, echo = socket.trace, socket.alignment
    yield f"<h2>Socket {_(socket.uri)}</h2>"
    if socket.handshake_ms is None:
        yield "<p>It did not open.</p>"
        return
    facts = socket.as_dict()
    heard = facts["heard"]
    yield from _figures(socket)
    rows = (
        (
            "Echo",
            f"{echo.matched} in place, {len(echo.lost)} lost, {len(echo.changed)} changed, "
            f"{len(echo.reordered)} out of order, {len(echo.duplicated)} duplicated, "
            f"{len(echo.extra)} that nobody sent, {len(echo.late)} late ({COMPARED[echo.method]})",
        ),
        ("Delay", _quantiles(facts["echo"]["delay_ms"])),
        ("Sent late by", _quantiles(facts["sending_late_ms"])),
        (
            "Played",
            f"{heard['frames']} frames, {counted(heard['gaps'], 'gap')} ({heard['gap_ms']} ms), "
            f"{heard['overflowed']} lost in the full buffer, at most {heard['deepest']} waited",
        ),
        ("Ended", f"with {trace.close_code} by the {trace.ended_by}"),
    )
    yield from _pictures(socket)
    yield "<h3>In numbers</h3><table>"
    for name, value in rows:
        yield f"<tr><th>{name}</th><td>{_(value)}</td></tr>"
    yield "</table>"


def _figures(socket: SocketReport) -> Iterator[str]:
    trace, echo = socket.trace, socket.alignment
    delay = echo.delay(0.5)
    figures = (
        ("Frames sent", f"{len(trace.sent):,}", f"{trace.rate // 1000} kHz"),
        ("Received", f"{len(trace.received):,}", f"{socket.seconds_heard:.1f} s"),
        ("Lost", f"{len(echo.lost):,}" if echo.method != "none" else "–", ""),
        ("Echo delay", f"{delay:.1f} ms" if delay is not None else "–", "median"),
        ("Gaps heard", f"{trace.playback.gaps:,}", f"{trace.playback.gap_frames * FRAME_MS} ms"),
    )
    yield "<dl>"
    for name, value, unit in figures:
        yield f"<div><dt>{name}</dt><dd>{value} <small>{unit}</small></dd></div>"
    yield "</dl>"


def _pictures(socket: SocketReport) -> Iterator[str]:
    trace, echo, played = socket.trace, socket.alignment, socket.trace.playback
    start = 0.0
    if trace.sent_at and played.first_at is not None:
        start = max(0.0, played.first_at - trace.sent_at[0])
    axis = Axis(max(len(trace.sent), len(played.frames) + start / FRAME_SECONDS) * FRAME_SECONDS)
    yield "<h3>The caller said</h3>"
    yield waveform(trace.sent, "#06c", axis, trace.rate)
    yield f"<h3>The caller heard{' (gaps in red)' if played.gaps else ''}</h3>"
    yield waveform(played.frames, "#176b2c", axis, trace.rate, start)
    if echo.delays_ms:
        yield f"<h3>Echo delay, ms{' (lost frames in red)' if echo.lost else ''}</h3>"
        yield delays(echo, axis)


def _played(report: CallReport) -> Iterator[str]:
    if report.played:
        yield "<h2>Said and played by the platform</h2>"
    for sound in report.played[:SOUNDS_SHOWN]:
        data = sound.samples.astype("<i2").tobytes()
        yield f"<h3>{sound.kind}, {sound.seconds:.1f} s: {_(sound.text)}</h3>"
        yield waveform([data], "#176b2c", Axis(sound.seconds), PLATFORM_RATE)


def _quantiles(values: dict[str, float | None]) -> str:
    known = [f"{name} {value} ms" for name, value in values.items() if value is not None]
    return ", ".join(known) or "not known"


def _timeline(report: CallReport) -> Iterator[str]:
    yield "<h2>Timeline</h2><table>"
    for moment in report.moments:
        yield (
            f'<tr class="{_(moment.kind)}"><td class="n">{moment.seconds:.3f} s</td>'
            f'<td class="k">{_(moment.kind)}</td>'
            f"<td>{_(moment.text)}</td></tr>"
        )
    yield "</table>"


def _exchanges(report: CallReport) -> Iterator[str]:
    yield "<h2>Requests and replies</h2>"
    for exchange in report.exchanges:
        status = exchange.status if exchange.status is not None else exchange.seen
        opened = " open" if exchange.reply.lstrip().startswith("[") else ""  # an NCCO
        yield (
            f"<details{opened}><summary>{exchange.seconds:.3f} s {_(exchange.method)} "
            f"{_(exchange.url)} → {_(status)} in {exchange.milliseconds:.0f} ms"
            f"{_name(exchange)}</summary>"
        )
        yield f"<pre>{_(json.dumps(exchange.fields, indent=2, ensure_ascii=False))}</pre>"
        if exchange.reply:
            yield f"<pre>{_(_pretty(exchange.reply))}</pre>"
        yield "</details>"


def _name(exchange: Exchange) -> str:
    status = exchange.fields.get("status")
    return f" · {_(status)}" if status else ""


def _pretty(reply: str) -> str:
    try:
        return json.dumps(json.loads(reply), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return reply
