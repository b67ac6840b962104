"""A call's report in a few lines, for a person."""

from collections import Counter
from collections.abc import Iterator

from phone.constants import FRAME_MS
from phone.legs.log import Problem
from phone.report.call_report import CallReport, SocketReport
from phone.words import counted, printable

__all__ = ["summary"]


def summary(report: CallReport) -> str:
    """Return the report as text, without a line break at the end."""
    lines = [f"Call to {printable(report.answer_url)}"]
    for moment in report.moments:
        lines.append(f"  {moment.seconds:7.3f} s  {moment.kind:<8} {moment.text}")
    for socket in report.sockets:
        lines += _socket(socket)
    for move in report.moves:
        gap = "an unknown time" if move.gap_ms is None else f"{move.gap_ms:.0f} ms"
        call = "the same call" if move.same_call else "another call"
        lines.append(
            f"Moved   to a socket of {call} after {move.close_code}; "
            f"the caller heard nothing for {gap}"
        )
    if report.events:
        taken = sum(1 for posted in report.events if not posted.seen and posted.url)
        lines.append(
            f"Events  {taken} of {len(report.events)} taken by the application{_homeless(report)}"
        )
    if report.saved:
        lines.append(f"Heard   {report.saved}")
    lines += _problems("Warning", report.warnings)
    lines += _problems("Failed ", report.failures)
    if report.interrupted:
        lines.append("The caller hung up before the end.")
    if report.ok:
        lines.append("The call worked.")
    else:
        lines.append(f"The call did not work: {report.failures[0].step}.")
    return "\n".join(lines)


def _homeless(report: CallReport) -> str:
    count = sum(1 for posted in report.events if not posted.url)
    return f"; {count} had no event URL to go to" if count else ""


def _problems(title: str, problems: list[Problem]) -> Iterator[str]:
    for problem, times in Counter(problems).items():
        again = f" ({times} times)" if times > 1 else ""
        yield f"{title} {problem.step}: {printable(problem.seen, 2000)}{again}"
        yield f"        → {problem.advice}"


def _socket(socket: SocketReport) -> Iterator[str]:
    trace, echo = socket.trace, socket.alignment
    if socket.handshake_ms is None:
        return
    lost = f", {len(echo.lost)} lost" if echo.method != "none" else ""
    yield (
        f"Audio   {counted(len(trace.sent), 'frame')} sent, {len(trace.received):,} received"
        f"{lost} ({trace.rate} Hz, {socket.seconds_heard:.1f} s heard)"
    )
    if echo.method != "none":
        yield f"Echo    {_echo(socket)}"
    yield from _heard(socket)
    p50, p95, most = (echo.delay(share) for share in (0.5, 0.95, 1.0))
    if p50 is not None and p95 is not None and most is not None:
        yield f"Delay   p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {most:.1f} ms"


def _heard(socket: SocketReport) -> Iterator[str]:
    playback = socket.trace.playback
    parts = []
    if playback.gaps:
        parts.append(f"{counted(playback.gaps, 'gap')}, {playback.gap_frames * FRAME_MS} ms in all")
    if playback.overflowed:
        parts.append(f"{counted(playback.overflowed, 'message')} lost in the full buffer")
    if playback.unplayed:
        parts.append(f"{counted(playback.unplayed, 'message')} not played at the close")
    if playback.clears:
        parts.append(f"cleared {counted(playback.clears, 'time')}")
    if playback.notified:
        parts.append(f"{playback.notified:,} notify reached")
    if parts:
        yield f"Played  {'; '.join(parts)}"


def _echo(socket: SocketReport) -> str:
    echo = socket.alignment
    if echo.whole and echo.method == "exact":
        text = "what came back is what was sent, byte for byte"
    elif echo.whole:
        text = f"the same sound came back, not the same bytes (likeness {echo.similarity:.2f})"
    else:
        parts = (
            f"{echo.matched} frames came back in place",
            f"{len(echo.changed)} changed",
            f"{len(echo.reordered)} out of order",
            f"{len(echo.duplicated)} duplicated",
            f"{len(echo.extra)} that nobody sent",
        )
        text = ", ".join(parts)
    return text + (f"; {counted(len(echo.late), 'frame')} late" if echo.late else "")
