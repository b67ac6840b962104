"""What a single call finds around it: nobody else."""

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
        """Return nobody."""
        return None

    def room(self, name: str) -> Conversation:
        """Return a room that nobody else will enter."""
        return self._rooms.setdefault(name, Conversation(name=name, started=False))

    def conversation(self, _: str) -> Conversation | None:
        """Return none: there is only the call's own."""
        return None

    def add(self, leg: Leg) -> None:
        """Note nothing."""

    def ended(self, leg: Leg) -> None:
        """Note nothing."""

    def may_connect(self) -> bool:
        """Return that it may: one caller makes no limit."""
        return True

    def publish(self, recording: Recording) -> str:
        """Return an address at which nothing is served."""
        return f"urn:uuid:{recording.uuid}"
