"""A call as one HTML page that needs nothing else: pictures, timeline, NCCO, requests and replies.

Everything that came from the application is escaped, and the page forbids itself scripts.
"""

import html
import json
import os
from collections.abc import Iterator
from pathlib import Path

from phone.drawing import delays, waveform
from phone.report import CallReport, SocketReport
from phone.webhooks import Exchange
from phone.words import counted

__all__ = ["page", "write_page"]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
       color: #1a1a1a; background: #fff }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0;
         border-bottom: 1px solid #eee; overflow-wrap: anywhere }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
pre { background: #f6f6f6; padding: .6rem; overflow-x: auto; white-space: pre-wrap }
svg { width: 100%; height: auto; display: block; margin: .4rem 0 }
.worked { color: #176b2c } .failed, .failure { color: #b00020 } .warning { color: #8a5a00 }
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
        f"<h1>Call to {_(report.answer_url)}</h1>",
        f'<p class="{verdict}"><strong>{words}</strong></p>',
        f"<p>{report.seconds:.1f} s · {_(report.conversation_uuid)}</p>",
        *_problems(report),
    ]
    for socket in report.sockets:
        body += _socket(socket)
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
            f'<tr class="{problem.severity}"><td>{problem.severity}</td><td>{_(problem.step)}</td>'
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
    rows = (
        ("Frames", f"{len(trace.sent)} sent, {len(trace.received)} received at {trace.rate} Hz"),
        (
            "Echo",
            f"{echo.matched} in place, {len(echo.lost)} lost, {len(echo.changed)} changed, "
            f"{len(echo.reordered)} out of order, {len(echo.duplicated)} duplicated, "
            f"{len(echo.extra)} that nobody sent, {len(echo.late)} late ({echo.method})",
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
    yield "<table>"
    for name, value in rows:
        yield f"<tr><th>{name}</th><td>{_(value)}</td></tr>"
    yield "</table>"
    yield from ("<p>Sent</p>", waveform(trace.sent, "#06c"))
    played = trace.playback
    yield from ("<p>Heard (gaps in red)</p>", waveform(played.frames, "#176b2c"))
    if echo.delays_ms:
        yield from ("<p>Echo delay over time, ms</p>", delays(echo, len(trace.sent)))


def _quantiles(values: dict[str, float | None]) -> str:
    known = [f"{name} {value} ms" for name, value in values.items() if value is not None]
    return ", ".join(known) or "not known"


def _timeline(report: CallReport) -> Iterator[str]:
    yield "<h2>Timeline</h2><table>"
    for moment in report.moments:
        yield (
            f'<tr><td class="n">{moment.seconds:.3f} s</td><td>{_(moment.kind)}</td>'
            f"<td>{_(moment.text)}</td></tr>"
        )
    yield "</table>"


def _exchanges(report: CallReport) -> Iterator[str]:
    yield "<h2>Requests and replies</h2>"
    for exchange in report.exchanges:
        status = exchange.status if exchange.status is not None else exchange.seen
        yield (
            f"<details><summary>{exchange.seconds:.3f} s {_(exchange.method)} "
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
