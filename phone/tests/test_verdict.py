"""What is said of a socket's frames and end, on traces made by hand."""

import pytest
from phone.audio.align import align
from phone.constants import Expect
from phone.legs.log import Problem
from phone.legs.playback import PlayBuffer
from phone.legs.trace import EndedBy, LegTrace
from phone.report.verdict import GAP_FRAMES, judge

FRAME = bytes(range(1, 161)) * 4  # one of 16 kHz


@pytest.fixture(autouse=True)
def strictness(patience: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge gaps as in real life: here no machine makes any."""
    monkeypatch.setattr("phone.report.verdict.GAP_FRAMES", GAP_FRAMES)


def trace(
    received: list[bytes],
    every: float = 0.02,
    *,
    ended_by: EndedBy = "caller",
    late: float = 0.0,
    heard_until: float | None = None,
) -> LegTrace:
    """Return a leg on which messages came at an interval.

    Args:
        received: the messages.
        every: seconds between two of them.
        ended_by: who ended the leg.
        late: seconds by which the phone's own frames leave later, one after the other.
        heard_until: when the leg ends; None: when everything was played.

    """
    leg = LegTrace(16000, received=received, ended_by=ended_by, close_code=1000)
    leg.received_at = [number * every for number in range(len(received))]
    leg.sent = [FRAME] * len(received)
    leg.sent_at = [number * (0.02 + late) for number in range(len(received))]
    buffer = PlayBuffer(16000)
    for message, at in zip(received, leg.received_at, strict=True):
        buffer.push(message, at)
    buffer.end(1000.0 if heard_until is None else heard_until)
    leg.playback = buffer.playback
    return leg


def judged(leg: LegTrace, expect: Expect = "audio", *, moved: bool = False) -> list[Problem]:
    """Return what is said of a leg."""
    alignment = align(leg.sent, leg.sent_at, leg.received, leg.received_at, leg.rate)
    return list(judge(leg, alignment, expect, moved=moved))


@pytest.mark.parametrize(
    ("received", "severity"),
    [
        ([FRAME] * 274 + [FRAME[:100]], None),
        ([FRAME] * 200 + [FRAME[:320]] * 75, "warning"),
        ([FRAME[:320]] * 275, "failure"),
        ([FRAME[:320]] * 200 + [FRAME] * 75, "failure"),
        ([FRAME] * 274 + [FRAME + FRAME], "warning"),
        ([FRAME[:100]] + [FRAME] * 274, "warning"),
    ],
)
def test_wrong_sizes(received: list[bytes], severity: str | None) -> None:
    """Wrong in most messages is a failure, in some a warning; a short last one is fine."""
    said = [problem for problem in judged(trace(received)) if "wrong size" in problem.seen]
    assert [problem.severity for problem in said] == ([severity] if severity else [])


@pytest.mark.parametrize(
    ("every", "late", "said"),
    [(0.02, 0.0, False), (0.0202, 0.0, False), (0.0206, 0.0, True), (0.025, 0.0, True),
     (0.025, 0.005, False)],
)  # fmt: skip
def test_gaps(every: float, late: float, said: bool) -> None:
    """Gaps are said from 2 % on, unless it was the phone that was slow."""
    problems = judged(trace([FRAME] * 500, every, late=late))
    assert ["audio came too slowly" in problem.seen for problem in problems] == [True] * said


def test_pauses_are_no_gaps() -> None:
    """An application that says nothing for a second pauses; nothing is wrong with that."""
    leg = trace([FRAME] * 100)
    leg.playback.frames[50:50] = [None] * 50
    assert leg.playback.gaps == 1
    assert judged(leg) == []


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV"),
        (b"ID3\x04\0\0", "MP3"),
        (bytes.fromhex("fffb9064").ljust(417, b"\0") + bytes.fromhex("fffb9064"), "MP3"),
        (b"OggS\0\x02", "Ogg"),
        (b"fLaC\0\0\0", "FLAC"),
    ],
)
@pytest.mark.parametrize("expect", ["echo", "audio", "any"])
def test_a_files_bytes(data: bytes, kind: str, expect: Expect) -> None:
    """A file sent in pieces is a failure, and its kind is named."""
    data = data.ljust(640 * 20, b"\x55")
    pieces = [data[start : start + 640] for start in range(0, len(data), 640)]
    (problem,) = [p for p in judged(trace(pieces), expect) if "a file's bytes" in p.seen]
    assert problem.severity == "failure"
    assert f"of type {kind}" in problem.seen
    assert "send samples only" in problem.advice


def test_closed_at_once() -> None:
    """Where audio was expected, a close before any came is named with its code."""
    first, *_ = judged(trace([], ended_by="application"))
    assert "closed the socket with 1000 after 0 frames" in first.seen
    assert judged(trace([], ended_by="application"), "any") == []


def test_closed_behind_the_first_frames() -> None:
    """A handler that does not wait has sent ten frames, and one is heard; fewer do not matter."""
    burst = trace([FRAME] * 10, 0.0, ended_by="application", heard_until=0.01)
    (problem,) = judged(burst)
    assert "before its last 0.2 s of sound were played" in problem.seen
    assert judged(trace([FRAME] * 5, 0.0, ended_by="application", heard_until=0.01)) == []


def test_closed_before_the_end_was_played() -> None:
    """Sound that still waited when the application closed was not heard, and that is said."""
    leg = trace([FRAME] * 100, 0.0, ended_by="application", heard_until=0.199)
    (problem,) = judged(leg)
    assert problem.severity == "warning"
    assert "before its last 1.8 s of sound were played" in problem.seen
    assert "await playing.wait()" in problem.advice
    assert judged(leg, moved=True) == [], "it is in the gap of the move"
    paced = trace([FRAME] * 100, ended_by="application", heard_until=1.99)
    assert judged(paced) == []


def test_json_as_binary_is_a_failure() -> None:
    """As other platforms have it; a frame that begins like it is sound."""
    media = b'{"event": "media", "media": {"payload": "AAAA"}}'
    (problem,) = judged(trace([FRAME] * 50 + [media]))
    assert problem.severity == "failure"
    assert problem.seen.startswith('binary message 51 is JSON, such as \'{"event": "media"')
    assert judged(trace([FRAME] * 50 + [b'{"' + FRAME[2:]])) == []
