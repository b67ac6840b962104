"""A meeting: who is in the room, and when its socket comes and goes. Pure."""

from collections import OrderedDict
from typing import Literal

__all__ = ["Meeting", "Step"]

Step = Literal["invite", "hang up"]
MOST_GONE = 1000  # legs that left and are remembered: the event of their arrival may come later


class Meeting:
    """Follows one room by its events, whatever order they come in.

    Args:
        name: of the room.
        invites: whether the socket is invited by itself.

    Attributes:
        socket: "absent", "invited" (being called), "present", or "leaving" (it is being hung up, or
            will be as soon as it is placed).

    """

    def __init__(self, name: str, *, invites: bool) -> None:
        self.name = name
        self.socket: Literal["absent", "invited", "present", "leaving"] = "absent"
        self._invites = invites
        self._placed = False
        self._again = False  # invited again while it leaves
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
        if self._invites or (self.socket == "leaving" and not self._placed):
            return self.invite()
        return None

    def left(self, leg: str) -> Step | None:
        """Record that a person left the room for good."""
        self._gone[leg] = None
        if len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)
        if leg not in self._people:
            return None
        self._people.discard(leg)
        if self._people:
            return None
        self._again = False
        return self.dismiss() if self.socket != "leaving" else None

    def invite(self) -> Step | None:
        """Request the socket in the room; repeated requests count once."""
        if self.socket == "absent":
            self.socket, self._again = "invited", False
            return "invite"
        if self.socket == "leaving":
            if self._placed:
                self._again = True
            else:
                self.socket = "invited"
        return None

    def dismiss(self) -> Step | None:
        """Request that the socket leaves the room."""
        self._again = False
        if self.socket != "absent":
            self.socket = "leaving"
        return "hang up" if self._placed else None

    def placed(self) -> Step | None:
        """Note that the socket's call was placed."""
        self._placed = self.socket != "absent"
        if self.socket == "invited":
            self.socket = "present"
        return "hang up" if self.socket == "leaving" else None

    def socket_left(self) -> Step | None:
        """Note that the socket's call is over, or was never placed."""
        self.socket, self._placed = "absent", False
        return self.invite() if self._again else None
