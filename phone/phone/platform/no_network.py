"""A network with no other parties, for a single call."""

from phone.legs.telephone import Callee, Telephone
from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation
from phone.platform.mixing.recording import Recording

__all__ = ["NoNetwork"]


class NoNetwork:
    """A directory without subscribers, for one call."""

    def __init__(self) -> None:
        self._rooms: dict[str, Conversation] = {}

    def callee(self, _: str) -> tuple[Telephone, Callee] | None:
        """Return None: no number has a subscriber."""
        return None

    def room(self, name: str) -> Conversation:
        """Return a conversation that no other call can join."""
        return self._rooms.setdefault(name, Conversation(name=name, started=False))

    def conversation(self, _: str) -> Conversation | None:
        """Return None: there is no other conversation."""
        return None

    def add(self, leg: Leg) -> None:
        """Ignore the leg."""

    def ended(self, leg: Leg) -> None:
        """Ignore the leg."""

    def may_connect(self) -> bool:
        """Return True: a single call cannot exceed the limit."""
        return True

    def publish(self, recording: Recording) -> str:
        """Return a URN: nothing is served."""
        return f"urn:uuid:{recording.uuid}"
