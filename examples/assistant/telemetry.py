"""Telemetry: a log line for each turn, metrics, and what the live calls show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from echo_service.handlers import METRICS, AudioCall
from echo_service.logs import get_logger
from prometheus_client import Counter, Histogram

from .turns import State

__all__ = ["FAILURES", "Telemetry", "Turn"]

logger = get_logger(__name__)

SECONDS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)

TURNS = Counter(
    "assistant_turns",
    "Turns of the caller, by what became of them",
    ["outcome"],
    registry=METRICS,
)
FAILURES = Counter(
    "assistant_model_failures", "Sessions that a failure ended", ["cause"], registry=METRICS
)
TOKENS = Counter("assistant_tokens", "Tokens, as the model's server counts them", registry=METRICS)
RESPONSE = Histogram(
    "assistant_response_seconds",
    "From the end of speech to the first audio sent",
    buckets=SECONDS,
    registry=METRICS,
)
SILENCE = Histogram(
    "assistant_silence_seconds",
    "From the onset of an interruption to silence",
    buckets=SECONDS,
    registry=METRICS,
)

WORD = re.compile(r"\S+")


@dataclass
class Turn:
    """What is measured of one turn, in seconds of the call."""

    number: int
    speech_end: float | None = None
    first_audio: float | None = None
    onset: float | None = None
    silent: float | None = None
    truncated_ms: int | None = None
    tokens: int | None = None
    said: list[str] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)


class Telemetry:
    """What is told of one call.

    Args:
        call: that it is told of.
        transcripts: whether what is said is shown; otherwise only how many words it has.

    """

    def __init__(self, call: AudioCall, transcripts: bool) -> None:
        self._call = call
        self._transcripts = transcripts
        self._state: State | None = None
        self.turn = Turn(0)
        self.onset = 0.0
        """The call's second at which the latest interruption, or what may be one, began."""
        self.speech_end: float | None = None
        """The call's second at which the caller stopped to speak; None if that was told already."""

    def state(self, state: State) -> None:
        """Show the state with the live calls."""
        if state is not self._state:
            self._state = state
            self._call.note(assistant=state.value, turns=self.turn.number)

    def begin(self, speech_end: float | None) -> None:
        """The caller has said something: a new turn."""
        self._tell("answered")
        self.turn = Turn(self.turn.number + 1, speech_end)

    def first_audio(self, at: float) -> None:
        """The first audio of a response was sent."""
        turn = self.turn
        if turn.first_audio is None:
            turn.first_audio = at
            if turn.speech_end is not None:
                RESPONSE.observe(max(0.0, at - turn.speech_end))

    def interrupted(self, silent: float, truncated_ms: int | None) -> None:
        """The caller has interrupted, and it was silent at this second of the call."""
        turn = self.turn
        turn.onset, turn.silent, turn.truncated_ms = self.onset, silent, truncated_ms
        SILENCE.observe(max(0.0, silent - self.onset))
        self._tell("interrupted")

    def tokens(self, count: int | None) -> None:
        """Add what the server counted."""
        if count is not None:
            self.turn.tokens = (self.turn.tokens or 0) + count
            TOKENS.inc(count)

    def take_speech_end(self) -> float:
        """Return once when the caller stopped to speak: now, if only the server has heard it."""
        end, self.speech_end = self.speech_end, None
        return end or self._call.seconds

    def unanswered(self) -> None:
        """A turn, as the server heard it, was only a noise."""
        TURNS.labels("noise").inc()

    def noise(self, at: float) -> None:
        """A noise was no turn."""
        TURNS.labels("noise").inc()
        logger.debug("noise", call=self._call.id, at=at)

    def end(self) -> None:
        """The call is over."""
        self._tell("answered")
        self._call.note(assistant=None)

    def _tell(self, outcome: str) -> None:
        turn = self.turn
        if turn.first_audio is None and turn.onset is None and not turn.heard:
            return
        TURNS.labels(outcome).inc()
        logger.info(
            "turn",
            call=self._call.id,
            turn=turn.number,
            outcome=outcome,
            response_seconds=_between(turn.speech_end, turn.first_audio),
            silence_seconds=_between(turn.onset, turn.silent),
            truncated_ms=turn.truncated_ms,
            tokens=turn.tokens,
            heard=self._words(turn.heard),
            said=self._words(turn.said),
        )
        # What comes late (a transcript, tokens) counts for the next line.
        self.turn = Turn(turn.number)

    def _words(self, texts: list[str]) -> str | None:
        text = " ".join(texts)
        if not text or self._transcripts:
            return text or None
        return f"{len(WORD.findall(text))} words"


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else max(0.0, end - begin)
