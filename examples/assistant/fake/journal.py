"""What happened in a session of the fake model, for tests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Journal", "Response"]


@dataclass
class Response:
    """One response, as it went."""

    id: str
    status: str = "in_progress"
    sent: list[float] = field(default_factory=list)
    """When each message of audio was sent: seconds of the machine's monotonic clock."""


@dataclass
class Journal:
    """What happened in a session, for tests."""

    call: str = ""
    invalid: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    """Milliseconds of audio of each turn that was committed."""
    deleted: list[str] = field(default_factory=list)
    truncated: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    cancelled: list[float] = field(default_factory=list)

    def line(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(asdict(self))
