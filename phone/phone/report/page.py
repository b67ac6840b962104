"""A call as one HTML page that needs nothing else: pictures, timeline, NCCO, requests and replies.

Everything that came from the application is escaped by the template, and the page forbids itself
scripts.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from phone.constants import FRAME_MS, FRAME_SECONDS, PLATFORM_RATE
from phone.legs.trace import ENDED_BY
from phone.report.call_report import CallReport, SocketReport
from phone.report.drawing import Axis, delays, waveform
from phone.words import counted

__all__ = ["page", "write_page"]

COMPARED = {"exact": "by its bytes", "correlation": "by its sound", "none": "nothing to compare"}
SOUNDS_SHOWN = 20
PAGES = Environment(
    loader=PackageLoader("phone.report", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


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
    return PAGES.get_template("page.html.j2").render(
        report=report,
        sockets=[_socket(socket) for socket in report.sockets],
        played=list(_played(report)),
        pretty=_pretty,
    )


def _socket(socket: SocketReport) -> dict[str, Any]:
    """Return what the template shows of a socket."""
    if socket.handshake_ms is None:
        return {"uri": socket.uri, "opened": False}
    return {
        "uri": socket.uri,
        "opened": True,
        "figures": _figures(socket),
        "pictures": list(_pictures(socket)),
        "rows": _rows(socket),
    }


def _rows(socket: SocketReport) -> list[tuple[str, str]]:
    trace, echo, facts = socket.trace, socket.alignment, socket.as_dict()
    heard = facts["heard"]
    return [
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
        ("Ended", f"with {trace.close_code} by {ENDED_BY[trace.ended_by]}"),
    ]


def _figures(socket: SocketReport) -> list[tuple[str, str, str]]:
    trace, echo = socket.trace, socket.alignment
    delay = echo.delay(0.5)
    return [
        ("Frames sent", f"{len(trace.sent):,}", f"{trace.rate // 1000} kHz"),
        ("Received", f"{len(trace.received):,}", f"{socket.seconds_heard:.1f} s"),
        ("Lost", f"{len(echo.lost):,}" if echo.method != "none" else "–", ""),
        ("Echo delay", f"{delay:.1f} ms" if delay is not None else "–", "median"),
        ("Gaps heard", f"{trace.playback.gaps:,}", f"{trace.playback.gap_frames * FRAME_MS} ms"),
    ]


def _pictures(socket: SocketReport) -> Iterator[tuple[str, Markup]]:
    trace, echo, played = socket.trace, socket.alignment, socket.trace.playback
    start = 0.0
    if trace.sent_at and played.first_at is not None:
        start = max(0.0, played.first_at - trace.sent_at[0])
    axis = Axis(max(len(trace.sent), len(played.frames) + start / FRAME_SECONDS) * FRAME_SECONDS)
    yield "The caller said", _drawn(waveform(trace.sent, "#06c", axis, trace.rate))
    gaps = " (gaps in red)" if played.gaps else ""
    heard = waveform(played.frames, "#176b2c", axis, trace.rate, start)
    yield f"The caller heard{gaps}", _drawn(heard)
    if echo.delays_ms:
        lost = " (lost frames in red)" if echo.lost else ""
        yield f"Echo delay, ms{lost}", _drawn(delays(echo, axis))


def _played(report: CallReport) -> Iterator[tuple[str, Markup]]:
    for sound in report.played[:SOUNDS_SHOWN]:
        data = sound.samples.astype("<i2").tobytes()
        picture = waveform([data], "#176b2c", Axis(sound.seconds), PLATFORM_RATE)
        yield f"{sound.kind}, {sound.seconds:.1f} s: {sound.text}", _drawn(picture)


def _drawn(svg: str) -> Markup:
    """Return a drawing, which holds numbers and words of this package alone, as markup."""
    return Markup(svg)  # noqa: S704 - nothing of it comes from outside


def _quantiles(values: dict[str, float | None]) -> str:
    known = [f"{name} {value} ms" for name, value in values.items() if value is not None]
    return ", ".join(known) or "not known"


def _pretty(document: object) -> str:
    """Return fields, or a reply's text if it is JSON, with its parts on lines of their own."""
    try:
        parsed = json.loads(document) if isinstance(document, str) else document
        return json.dumps(parsed, indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return str(document)
