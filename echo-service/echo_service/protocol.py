"""Messages on the socket, as pure functions: no I/O, no state.

Vonage's WebSockets guide: text messages are JSON, the first one is `websocket:connected`, and
audio comes as binary messages of 20 ms each, linear 16-bit PCM, mono.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "FRAME_MS",
    "SILENT",
    "SLOW_READER",
    "TOO_LONG",
    "Answered",
    "Cleared",
    "Connected",
    "Dtmf",
    "Machine",
    "Message",
    "Notify",
    "Other",
    "call_id",
    "frame_bytes",
    "parse",
    "resumed",
    "sample_rate",
]

FRAME_MS = 20  # milliseconds of audio in one binary message (Vonage WebSockets guide)
BYTES_PER_SAMPLE = 2

TOO_LONG = 4000
"""Close code: the call is longer than is allowed (RFC 6455, 7.4.2: 4000 to 4999 are ours)."""

SLOW_READER = 4001  # close code: the peer does not read what it is sent
SILENT = 4002  # close code: the peer has sent nothing at all, not even a pong, for too long
MAX_ID_CHARACTERS = 64  # of a call's id; a longer one is ignored: it is text from outside
MAX_RESUMED = 1_000_000  # a higher count of reconnections is ignored
_RATE = re.compile(r"rate\s*=\s*\"?(\d{4,6})\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Connected:
    """The first message: `content_type` of the audio, and the NCCO's headers as `metadata`."""

    content_type: str
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dtmf:
    """A key was pressed: `digit` is one of 0-9*#, `duration_ms` how long, None if not known."""

    digit: str
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The person called has answered; the socket was there first (a socket-first call)."""


@dataclass(frozen=True, slots=True)
class Machine:
    """An answering machine has answered, or, with `beep`, has beeped and records from now on."""

    beep: bool


@dataclass(frozen=True, slots=True)
class Cleared:
    """The platform dropped the audio that it had queued."""


@dataclass(frozen=True, slots=True)
class Notify:
    """The platform has played all audio queued before the `notify` with this `payload`."""

    payload: Any


@dataclass(frozen=True, slots=True)
class Other:
    """Any other text message; `problem` says in a few words why it was not understood."""

    text: str
    problem: str


Message = Connected | Dtmf | Answered | Machine | Cleared | Notify | Other


def parse(text: str) -> Message:
    """Read a text message. Never raises: what is not understood is returned as `Other`."""
    try:
        # An object's last value would win silently; the guide has no repeated keys.
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Other(text, f"not JSON ({type(error).__name__})")
    if not isinstance(body, dict):
        return Other(text, "not a JSON object")
    name = body.get("event")
    content_type = body.get("content-type")
    # Before October 2018 the first message had no `event`.
    if name == "websocket:connected" or (name is None and content_type is not None):
        metadata = {k: v for k, v in body.items() if k not in ("event", "content-type")}
        return Connected(content_type if isinstance(content_type, str) else "", metadata)
    if name == "websocket:dtmf":
        return _dtmf(text, body)
    if name == "websocket:cleared":
        return Cleared()
    if name == "websocket:notify":
        return Notify(body.get("payload"))
    if name is None:
        keys = "digit" in body or isinstance(body.get("dtmf"), dict)
        return _dtmf(text, body) if keys else Other(text, "no event")
    return Other(text, "unknown event" if isinstance(name, str) else "event is not a string")


def _dtmf(text: str, body: Mapping[str, Any]) -> Dtmf | Other:
    # As one SDK reads it: nested, or as a number. The platform has not been seen to send either.
    nested = body.get("dtmf")
    if isinstance(nested, dict) and "digit" not in body:
        body = nested
    digit = body.get("digit")
    if isinstance(digit, int) and not isinstance(digit, bool):
        digit = str(digit)
    if not isinstance(digit, str) or not re.fullmatch(r"[0-9A-D*#]", digit):
        return Other(text, "dtmf without a digit of 0-9*#")
    duration = body.get("duration")
    known = isinstance(duration, int) and not isinstance(duration, bool)
    return Dtmf(digit, duration if known else None)


def sample_rate(content_type: str) -> int | None:
    """Hz of a content type such as `audio/l16;rate=16000`; None if it is not understood.

    Other parameters, such as a charset, are free.
    """
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    rates = [match[1] for part in parameters if (match := _RATE.fullmatch(part))]
    known = kind.lower() in ("audio/l16", "audio/116")  # as Vonage's SDKs for PHP and Ruby write it
    return int(rates[0]) if known and len(rates) == 1 else None


def frame_bytes(rate: int) -> int:
    """Bytes of one binary message at a sample rate in Hz: 320 at 8000, 640 at 16000."""
    return rate * FRAME_MS // 1000 * BYTES_PER_SAMPLE


def call_id(metadata: Mapping[str, Any]) -> str | None:
    """The id of the call, from the `uuid` in the first message; None if there is none."""
    uuid = metadata.get("uuid")
    return uuid if isinstance(uuid, str) and 0 < len(uuid) <= MAX_ID_CHARACTERS else None


def resumed(metadata: Mapping[str, Any]) -> int:
    """How often the call was connected again, from `resumed` in the first message; else 0."""
    count = metadata.get("resumed")
    known = isinstance(count, int) and not isinstance(count, bool) and 0 < count <= MAX_RESUMED
    return count if known and isinstance(count, int) else 0
