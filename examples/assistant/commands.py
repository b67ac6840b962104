"""Commands: what follows from the turns, for the playout and the model."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Cancel", "Command", "Commit", "Create", "Delete", "Hold", "Resume", "Stop"]


@dataclass(frozen=True)
class Hold:
    """Be silent, and keep what was not heard."""


@dataclass(frozen=True)
class Resume:
    """Go on where it was held."""


@dataclass(frozen=True)
class Stop:
    """Be silent, and truncate at what was heard."""


@dataclass(frozen=True)
class Cancel:
    """Cancel a response of the model."""

    response_id: str


@dataclass(frozen=True)
class Create:
    """Ask for a response."""


@dataclass(frozen=True)
class Commit:
    """End the caller's turn."""


@dataclass(frozen=True)
class Delete:
    """Take a noise out of the conversation."""

    item_id: str


Command = Hold | Resume | Stop | Cancel | Create | Commit | Delete
