"""An application's reply to a webhook, or why there was none."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Attempt", "Reply", "WebhookError"]


@dataclass(frozen=True)
class Attempt:
    """One attempt: its result, and how long it took in ms."""

    seen: str
    milliseconds: float
    status: int | None = None


@dataclass(frozen=True)
class Reply:
    """What the application answered, and the attempts that it took."""

    status: int
    media_type: str
    headers: Mapping[str, str]
    body: bytes
    attempts: tuple[Attempt, ...]

    @property
    def milliseconds(self) -> float:
        """How long the successful attempt took."""
        return self.attempts[-1].milliseconds

    @property
    def is_json(self) -> bool:
        """Whether the media type is JSON; the platform refuses any other (webhook retries)."""
        return self.media_type == "application/json" or self.media_type.endswith("+json")


class WebhookError(Exception):
    """The application gave no usable reply.

    Args:
        reason: the platform's own wording, as the fallback URL gets it.
        seen: what happened.
        advice: what to try.
        attempts: all that were made.
        status: the last HTTP status, if there was one.

    """

    def __init__(
        self,
        reason: str,
        seen: str,
        advice: str,
        attempts: tuple[Attempt, ...] = (),
        status: int | None = None,
    ) -> None:
        super().__init__(f"{seen}; {advice}")
        self.reason = reason
        self.seen = seen
        self.advice = advice
        self.attempts = attempts
        self.status = status
