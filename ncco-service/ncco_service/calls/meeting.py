"""A meeting: who is in the room, and when its socket comes and goes. Pure."""

from collections import OrderedDict
from typing import Literal

__all__ = ["Meeting", "Step"]

Step = Literal["invite", "hang up"]
MOST_GONE = 1000  # legs that left, kept because their arrival may be told after it


class Meeting:
    """Follows one room by its events, whatever order they come in.

    Args:
        name: of the room.
        invites: whether the socket is invited by itself.

    Attributes:
        socket: "absent", "invited" (being called), "present", or "leaving" (it is to be hung up as
            soon as it is placed).

    """

    def __init__(self, name: str, *, invites: bool) -> None:
        self.name = name
        self.socket: Literal["absent", "invited", "present", "leaving"] = "absent"
        self._invites = invites
        self._people: set[str] = set()
        self._gone: OrderedDict[str, None] = OrderedDict()

    @property
    def people(self) -> int:
        """How many are in the room, the socket not counted."""
        return len(self._people)

    def entered(self, leg: str) -> Step | None:
        """Record that a person entered the room."""
        if leg in self._people or leg in self._gone:
            return None
        self._people.add(leg)
        if self.socket == "leaving":
            self.socket = "invited"
        return self.invite() if self._invites else None

    def left(self, leg: str) -> Step | None:
        """Record that a person left the room for good."""
        self._gone[leg] = None
        if len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)
        if leg not in self._people:
            return None
        self._people.discard(leg)
        return None if self._people else self.dismiss()

    def invite(self) -> Step | None:
        """Request the socket in the room; repeated requests count once."""
        if self.socket == "leaving":
            self.socket = "invited"
        if self.socket != "absent":
            return None
        self.socket = "invited"
        return "invite"

    def dismiss(self) -> Step | None:
        """Request that the socket leaves the room."""
        if self.socket == "invited":
            self.socket = "leaving"
        return "hang up" if self.socket == "present" else None

    def placed(self) -> Step | None:
        """Note that the socket's call was placed."""
        if self.socket == "leaving":
            self.socket = "present"
            return "hang up"
        if self.socket == "invited":
            self.socket = "present"
        return None

    def socket_left(self) -> None:
        """Note that the socket's call is over, or was never placed."""
        self.socket = "absent"
