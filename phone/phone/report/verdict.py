"""Judges a socket leg: turns measurements into problems with advice."""

import json
from collections.abc import Iterator

from phone.audio.alignment import Alignment
from phone.audio.file_kinds import file_kind
from phone.constants import FRAME_MS, PLAY_BUFFER_MESSAGES, Expect, frame_bytes
from phone.legs.log import Problem
from phone.legs.playback import PlayBuffer
from phone.legs.trace import LegTrace
from phone.words import counted, printable

__all__ = ["judge"]

UNPLAYED_FRAMES = 5  # nobody misses fewer; echo-service sends the first 10 at once
# Of what was heard, from where on somebody hears it; fewer frames are a matter of the machine.
GAP_SHARE = 0.02
GAP_FRAMES = 10


def judge(
    trace: LegTrace, alignment: Alignment, expect: Expect, *, moved: bool = False
) -> Iterator[Problem]:
    """Yield what was wrong on one socket leg.

    Args:
        trace: what went over it.
        alignment: what came back against what was sent.
        expect: what the caller wanted.
        moved: whether the call went on with another socket.

    """
    if not moved:  # a move's gap is told by itself
        yield from _ending(trace, expect)
        yield from _unplayed(trace)
    yield from _files(trace)
    yield from _json(trace)
    yield from _sizes(trace)
    yield from _buffer(trace)
    yield from _gaps(trace)
    yield from _texts(trace)
    if expect == "echo":
        yield from _echo(trace, alignment)
    elif expect == "audio" and not any(trace.received):
        yield _silence(trace)


def _ending(trace: LegTrace, expect: Expect) -> Iterator[Problem]:
    sent = counted(len(trace.sent), "frame")
    if trace.ended_by in ("failure", "platform"):
        yield Problem("socket", f"{trace.seen} (after {sent})", trace.advice)
    elif trace.ended_by == "application":
        reason = f" {trace.close_reason!r}" if trace.close_reason else ""
        if not trace.closed_cleanly:
            seen = (
                f"the application dropped the connection after {sent}, without a closing handshake"
            )
            yield Problem("socket", seen, "look at its log for a crash, or at a proxy between")
        elif (
            expect == "echo"
            or trace.close_code not in (1000, 1001)
            or (expect == "audio" and not any(trace.received))
        ):
            seen = f"the application closed the socket with {trace.close_code}{reason} after {sent}"
            yield Problem("socket", seen, "look at the application's log; the caller still spoke")
    elif trace.ended_by == "move":
        seen = f"the application did not go on with the call that moved after {sent}"
        advice = "answer the event `disconnected` with an NCCO that connects to a socket again"
        yield Problem("socket", seen, advice)
    elif trace.ended_by == "caller" and not trace.closed_cleanly:
        seen = "the application did not answer the closing handshake"
        yield Problem("socket", seen, "close the socket when the caller does", "warning")


def _files(trace: LegTrace) -> Iterator[Problem]:
    for index, message in enumerate(trace.received):
        # A frame is shorter than two of an MP3 without tags, which are only looked for at first.
        data = message if index else b"".join(trace.received[:10])
        if kind := file_kind(data):
            yield Problem(
                "audio",
                f"a file's bytes: message {index + 1:,} is the beginning of a file of type {kind}",
                "send samples only: decode the file, and skip its header; as it is, the caller "
                "hears noise",
            )
            return


def _json(trace: LegTrace) -> Iterator[Problem]:
    ours = _our_texts(trace)
    for index, message in enumerate(trace.received):
        if message[:1] == b"{" and message not in ours and _is_json(message):
            example = printable(message.decode(), 40)
            yield Problem(
                "audio",
                f"binary message {index + 1:,} is JSON, such as {example!r}",
                "send audio as binary messages of raw PCM, and commands as text messages",
            )
            return


def _is_json(message: bytes) -> bool:
    try:
        json.loads(message)
    except (ValueError, RecursionError):
        return False
    return True


def _sizes(trace: LegTrace) -> Iterator[Problem]:
    size = frame_bytes(trace.rate)
    odd = [len(message) for message in trace.received if len(message) != size]
    # A short last one alone is the end of a sound; the old platform filled it up.
    if odd and (len(odd) > 1 or len(trace.received[-1]) >= size):
        sizes = ", ".join(str(length) for length in sorted(set(odd))[:5])
        most = 2 * len(odd) > len(trace.received)
        of = f", most of {len(trace.received):,}" if most else ""
        yield Problem(
            "audio",
            f"{counted(len(odd), 'message')} of a wrong size ({sizes} bytes){of}",
            f"send exactly {size} bytes a message at {trace.rate} Hz: the platform has been seen "
            "to stop listening and close with 1006",
            "failure" if most else "warning",
        )


def _buffer(trace: LegTrace) -> Iterator[Problem]:
    if trace.playback.overflowed:
        yield Problem(
            "audio",
            f"{counted(trace.playback.overflowed, 'message')} found the play buffer full",
            f"send at most {PLAY_BUFFER_MESSAGES:,} messages ahead of real time; what the platform "
            "does with more is not published",
            "warning",
        )


def _unplayed(trace: LegTrace) -> Iterator[Problem]:
    if trace.ended_by == "application" and trace.playback.unplayed > UNPLAYED_FRAMES:
        seconds = trace.playback.unplayed * FRAME_MS / 1000
        yield Problem(
            "audio",
            f"the application closed the socket before its last {seconds:.1f} s of sound were "
            "played: the caller did not hear them",
            'wait for them: send {"action": "notify"} behind the sound, and close when it is '
            "answered; in a handler of echo-service, await playing.wait()",
            "warning",
        )


def _gaps(trace: LegTrace) -> Iterator[Problem]:
    """Gaps beyond those that the phone's own lateness explains."""
    own = PlayBuffer(trace.rate)
    own.start(trace.sent_at[0] if trace.sent_at else 0.0)
    for frame, at in zip(trace.sent, trace.sent_at, strict=True):
        own.push(frame, at)
    broken = trace.playback.broken_frames - own.playback.broken_frames
    share = broken / max(1, len(trace.playback.frames))
    if broken >= GAP_FRAMES and share >= GAP_SHARE:
        yield Problem(
            "audio",
            f"{counted(trace.playback.gaps, 'gap')} in what the caller heard, "
            f"{share:.0%} of it: audio came too slowly",
            f"send a message every {FRAME_MS} ms on an absolute clock, or some ahead of time",
            "warning",
        )


def _texts(trace: LegTrace) -> Iterator[Problem]:
    if trace.unknown_texts:
        count = counted(trace.unknown_texts, "text message")
        yield Problem(
            "socket",
            f"{count} that the platform does not know, such as {trace.unknown_example!r}",
            'send text only for {"action": "clear"} and {"action": "notify"}, and never echo text',
            "warning",
        )

    if own := _own_texts(trace):
        yield Problem(
            "audio",
            f"{counted(own, 'text message')} of the platform came back as binary",
            "answer text with nothing: as binary it is played to the caller, as noise",
            "warning",
        )


def _our_texts(trace: LegTrace) -> set[bytes]:
    return {message.text.encode() for message in trace.messages if message.ours}


def _own_texts(trace: LegTrace) -> int:
    ours = _our_texts(trace)
    return sum(message in ours for message in trace.received)


def _echo(trace: LegTrace, alignment: Alignment) -> Iterator[Problem]:
    if not trace.sent:
        if trace.ended_by == "caller":
            yield Problem("echo", "nothing was sent", "let the call last longer")
        return
    if trace.ended_by == "platform":
        return
    if len(trace.received) == _own_texts(trace) or not any(trace.received):
        yield _silence(trace)
        return
    if alignment.method == "none":
        yield Problem(
            "echo",
            f"what came back in {counted(len(trace.received), 'message')} is not what was sent",
            "an application that does not echo needs --expect audio; noise means a wrong rate or "
            "byte order",
        )
        return
    wrong = [
        f"{len(frames)} {name}"
        for name, frames in (
            ("lost", alignment.lost),
            ("changed", alignment.changed),
            ("out of order", alignment.reordered),
            ("duplicated", alignment.duplicated),
            ("that nobody sent", alignment.extra),
        )
        if frames
    ]
    if wrong:
        yield Problem(
            "echo",
            f"of {counted(len(trace.sent), 'frame')}: {', '.join(wrong)}",
            "send every binary message back once, whole and in order; an application that does "
            "not echo needs --expect audio",
        )


def _silence(trace: LegTrace) -> Problem:
    if trace.text_count:
        example = printable(trace.texts[0], 40)
        return Problem(
            "echo",
            f"no audio came back, but {counted(trace.text_count, 'text message')} such as "
            f"{example!r}",
            "send audio as binary messages of raw PCM, not as text or base64",
        )
    return Problem(
        "echo",
        "no audio came back",
        "look at the application's log: does it get the binary messages, and send binary ones?",
    )
