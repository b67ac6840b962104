"""Interface of a member of a conversation."""

from typing import Protocol

__all__ = ["Nobody", "Participant"]


class Participant(Protocol):
    """A telephone or a socket, asked once every 20 ms by the conversation that it is in."""

    @property
    def rate(self) -> int | None:
        """Sample rate of its frames in Hz; None: any of the platform's rates."""

    def pressed(self) -> list[str]:
        """Return the keys pressed since the last time."""

    def speak(self, rate: int, due: float) -> bytes | None:
        """Return what it says in these 20 ms.

        Args:
            rate: Hz of the frame that is wanted; its own rate, if it has one.
            due: the tick, in seconds of `perf_counter`.

        Returns:
            A frame of the wire, or None while it says nothing.

        """

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Take what it hears in these 20 ms; None during silence."""

    def hear_key(self, digit: str) -> None:
        """Take a key that another member pressed."""


class Nobody:
    """Whoever was there has left."""

    rate: int | None = None

    def pressed(self) -> list[str]:
        """Press nothing."""
        return []

    def speak(self, _: int, __: float) -> bytes | None:
        """Say nothing."""
        return None

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Hear nothing."""

    def hear_key(self, digit: str) -> None:
        """Hear nothing."""
