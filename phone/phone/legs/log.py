"""Log of a call, as plain data: written during the call, read when it is over."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from phone.audio.files import Samples
from phone.constants import PLATFORM_RATE
from phone.legs.trace import LegTrace
from phone.words import printable

__all__ = [
    "CallLog",
    "Exchange",
    "Moment",
    "PlatformSound",
    "Posted",
    "Problem",
    "Severity",
    "SocketRecord",
]

# A hostile application cannot make a log grow without end.
MOMENTS_MAX = 2000
EXCHANGES_MAX = 500
SOUNDS_MAX = 1000

Severity = Literal["failure", "warning"]


@dataclass(frozen=True)
class Moment:
    """One step of a call.

    Args:
        seconds: since the call began.
        kind: "answer", "ncco", "talk", "stream", "socket", "message", "audio", "event", "hangup",
            "skipped", "fault".
        text: one line for people.

    """

    seconds: float
    kind: str
    text: str


@dataclass(frozen=True)
class Problem:
    """Something that went wrong.

    Args:
        step: where: "answer", "fallback", "ncco", "talk", "stream", "socket", "audio", "echo",
            "event", "save", "api".
        seen: what was seen.
        advice: what to try.
        severity: a failure means that the call did not work.

    """

    step: str
    seen: str
    advice: str
    severity: Severity = "failure"

    def as_warning(self) -> "Problem":
        """Return a copy marked as recovered."""
        return replace(self, severity="warning")


@dataclass(frozen=True)
class Exchange:
    """One request to the application, and its reply.

    Args:
        seconds: when it was sent.
        method: GET or POST.
        url: where to, without the fields.
        fields: the webhook's.
        status: the HTTP status; None when there was none.
        media_type: the reply's.
        reply: the beginning of its body, without secrets.
        seen: what went wrong; empty when nothing did.
        milliseconds: how long it took.

    """

    seconds: float
    method: str
    url: str
    fields: Mapping[str, Any]
    status: int | None
    media_type: str
    reply: str
    seen: str
    milliseconds: float


@dataclass(frozen=True)
class Posted:
    """One event, and the result of posting it.

    Args:
        status: its status, or "error", "notify" and the like where it has none.
        to: the leg's `to`.
        url: where it went; empty when no event URL was set.
        reply: the HTTP status; None when there was none.
        seen: what went wrong; empty when nothing did.
        advice: what to try then.
        milliseconds: the last attempt's.

    """

    status: str
    to: str
    url: str
    reply: int | None
    seen: str = ""
    advice: str = ""
    milliseconds: float = 0.0


@dataclass(frozen=True)
class PlatformSound:
    """A sound that the platform itself spoke or played to the caller.

    Args:
        kind: the action.
        text: what was said, or the file's URL.
        at: when it began, in seconds of `perf_counter`.
        samples: as much of it as was heard, at `PLATFORM_RATE`.

    """

    kind: Literal["talk", "stream"]
    text: str
    at: float
    samples: Samples

    @property
    def seconds(self) -> float:
        """How long it was heard."""
        return len(self.samples) / PLATFORM_RATE


@dataclass(frozen=True)
class SocketRecord:
    """One socket leg that is over.

    Args:
        uri: where it went.
        trace: everything that went over it.
        handshake_ms: how long opening it took; None when it never opened.
        hung_up: whether the caller had hung up early by then.
        headers: of its endpoint.

    """

    uri: str
    trace: LegTrace
    handshake_ms: float | None
    hung_up: bool
    headers: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class CallLog:
    """A call's log; its clock is monotonic and starts with it.

    Args:
        on_moment: called with each moment as it happens.
        moments: the timeline.
        records: problems and sockets, in the order in which they came.
        spoken: what `talk` actions said, aloud or not.
        played: what of it, and of `stream`, the caller heard.
        posted: every event, and the result of posting it.
        exchanges: every webhook's request and reply.
        actions: the names of the answer's actions; None without a valid answer.
        hung_up: whether the caller hung up before the end.
        length: seconds that the call took; 0 while it runs.

    """

    on_moment: Callable[[Moment], None] | None = None
    moments: list[Moment] = field(default_factory=list)
    records: list[Problem | SocketRecord] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    played: list[PlatformSound] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    actions: str | None = None
    hung_up: bool = False
    length: float = 0.0
    _start: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        """Return the time since the call began."""
        return time.perf_counter() - self._start

    def close(self, hung_up: bool) -> None:
        """Note that the call is over, and whether the caller hung up before the end."""
        self.hung_up = hung_up
        self.length = self.seconds()

    def add(self, kind: str, text: str) -> None:
        """Note what happened just now."""
        moment = Moment(self.seconds(), kind, printable(text, 400))
        if len(self.moments) < MOMENTS_MAX:
            self.moments.append(moment)
        if self.on_moment is not None:
            self.on_moment(moment)

    def message(self, text: str, ours: bool) -> None:
        """Note a text message on a socket, from the platform (ours) or from the application."""
        who = "to" if ours else "from"
        self.add("message", f"{who} the application: {printable(text, 160)}")

    def record(self, record: Problem | SocketRecord) -> None:
        """Note a problem, or a socket that is over."""
        self.records.append(record)

    def spoke(self, words: str) -> None:
        """Note what a `talk` said."""
        self.spoken.append(words)

    def sound(self, sound: PlatformSound) -> None:
        """Note what the platform let the caller hear."""
        if len(self.played) < SOUNDS_MAX:
            self.played.append(sound)

    def exchange(self, exchange: Exchange) -> None:
        """Note a request and its reply."""
        if len(self.exchanges) < EXCHANGES_MAX:
            self.exchanges.append(exchange)
