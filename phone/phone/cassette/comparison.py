"""Comparison of a recorded call with the same call made again."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from phone.audio.files import load, to_samples
from phone.audio.recognition import is_loud, recognise
from phone.cassette.folder import Cassette, masked
from phone.constants import frame_bytes
from phone.legs.plan import CallPlan
from phone.legs.trace import Message
from phone.platform.webhooks.redaction import without_secrets
from phone.report import CallReport, Problem

__all__ = ["compared", "plan_of"]

# What differs between two calls that are the same: ids, times, and the tokens in texts.
VOLATILE = (
    (re.compile(r"(CON-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*"), "<token>"),
    (re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?"), "<time>"),
    (re.compile(r"(https?|wss?)://[^/\"\s]+"), r"\1://<host>"),
)
LIKENESS = "less than 80 % of the sound then heard is in the sound heard now"


def plan_of(cassette: Cassette, answer_url: str | None = None) -> CallPlan:
    """Return the plan of the same call: the same sound, the same keys at the same times."""
    document = cassette.document
    url = answer_url or document.answer_url
    plan = CallPlan(url, "POST" if document.method == "POST" else "GET", expect="any")
    if document.rate is None:
        return plan
    keys = []
    for message in document.messages:
        pressed = json.loads(message.text) if message.ours else {}
        if pressed.get("event") == "websocket:dtmf":
            keys.append(f"{pressed['digit']}@{max(0.0, message.seconds):.3f}")
    return replace(
        plan,
        audio=cassette.sent,
        dtmf=",".join(keys),
        expect="echo" if document.echo_whole else "any",
    )


def compared(cassette: Cassette, report: CallReport) -> CallReport:
    """Return the report of the call made again, in which each difference is a failure.

    Args:
        cassette: of the call then.
        report: of the call now, placed with `plan_of`.

    """
    return replace(report, problems=[*report.problems, *_differences(cassette, report)])


def _differences(cassette: Cassette, report: CallReport) -> Iterator[Problem]:
    then = cassette.document
    pairs = (
        (
            "ncco",
            [_plain(e.reply) for e in then.exchanges if "status" not in e.fields],
            [_plain(e.reply) for e in report.exchanges if "status" not in e.fields],
        ),
        ("talk", then.spoken, [masked(text) for text in report.spoken]),
        ("event", then.statuses, [posted.status for posted in report.events]),
        (
            "message",
            [_plain(m.text) for m in then.messages if not m.ours],
            [_plain(text) for socket in report.sockets for text in _texts(socket.trace.messages)],
        ),
    )
    for step, before, now in pairs:
        if before != now:
            seen = f"then {_first(before, now)}; now {_first(now, before)}"
            yield Problem(step, seen, "record the call anew if this is as it should be")
    if not then.echo_whole and cassette.heard.exists():
        yield from _sound(cassette.heard, report)


def _texts(messages: list[Message]) -> list[str]:
    return [without_secrets(message.text) for message in messages if not message.ours]


def _sound(path: Path, report: CallReport) -> Iterator[Problem]:
    trace = next((s.trace for s in report.sockets if s.trace.playback.frames), None)
    rate = trace.rate if trace else 16000
    wanted = load(path, rate).samples
    if not is_loud(wanted):
        return
    if trace is None:
        yield Problem("audio", "then something was heard, now nothing", "look at its log")
        return
    heard = to_samples(b"".join(trace.playback.heard(frame_bytes(rate))))
    match = recognise(wanted, heard, rate)
    if not match.found:
        yield Problem("audio", f"{LIKENESS} ({match.share:.0%})", "listen to both")


def _plain(text: str) -> str:
    """Return text without what differs in every call."""
    text = masked(text)
    for pattern, name in VOLATILE:
        text = pattern.sub(name, text)
    return text


def _first(these: list[str], others: list[str]) -> str:
    """Return the first of these that the others do not have in its place."""
    for index, item in enumerate(these):
        if index >= len(others) or others[index] != item:
            return repr(item[:200])
    return "nothing more"
