"""A meeting: who is in the room, and when its socket comes and goes. Pure."""

from collections import OrderedDict
from typing import Literal

__all__ = ["Meeting", "Step"]

Step = Literal["invite", "hang up"]
Presence = Literal["absent", "invited", "present", "leaving"]
MOST_GONE = 1000  # legs that left, kept because their arrival may be told after it


class Meeting:
    """Follows one room by its events, whatever order they come in.

    Args:
        name: of the room.
        invites: whether the socket is invited by itself, with the first person who enters.

    """

    def __init__(self, name: str, *, invites: bool) -> None:
        self.name = name
        self._invites = invites
        self._call: Literal["none", "placing", "placed"] = "none"  # the socket's
        self._wanted = False  # the socket should be in the room
        self._hanging_up = False
        self._dismissed = False  # until it is invited by hand, or everybody has left
        self._people: OrderedDict[str, None] = OrderedDict()
        self._gone: OrderedDict[str, None] = OrderedDict()

    @property
    def people(self) -> tuple[str, ...]:
        """The legs in the room, the socket's not among them."""
        return tuple(self._people)

    @property
    def socket(self) -> Presence:
        """The socket: being called, in the room, or on its way out, at once or once placed."""
        if self._call == "none":
            return "absent"
        if self._hanging_up or not self._wanted:
            return "leaving"
        return "invited" if self._call == "placing" else "present"

    def entered(self, leg: str) -> Step | None:
        """Record that a person entered the room."""
        if leg in self._people or leg in self._gone:
            return None
        self._people[leg] = None
        if self._invites and not self._dismissed:
            self._wanted = True
        return self._next()

    def left(self, leg: str) -> Step | None:
        """Record that a person left the room for good."""
        self._gone[leg] = None
        if len(self._gone) > MOST_GONE:
            self._gone.popitem(last=False)
        if leg not in self._people:
            return None
        del self._people[leg]
        if not self._people:
            self._wanted = self._dismissed = False
        return self._next()

    def invite(self) -> Step | None:
        """Request the socket in the room; repeated requests count once."""
        self._wanted, self._dismissed = True, False
        return self._next()

    def dismiss(self) -> Step | None:
        """Request that the socket leaves the room, and stays away from those who are in it."""
        self._wanted, self._dismissed = False, bool(self._people)
        return self._next()

    def placed(self) -> Step | None:
        """Note that the socket's call was placed."""
        self._call = "placed"
        return self._next()

    def not_placed(self, *, again: bool) -> None:
        """Note that the socket's call was not placed; `again`: it is invited once more."""
        self._call = "none"
        self._wanted = self._wanted and again

    def socket_left(self) -> Step | None:
        """Note that the socket's call is over; one that ended by itself is not called again."""
        self._call = "none"
        self._wanted = self._wanted and self._hanging_up
        self._hanging_up = False
        return self._next()

    def overdue(self) -> Step | None:
        """Return the step that has had no effect so far, to be tried again."""
        return "hang up" if self._hanging_up else self._next()

    def _next(self) -> Step | None:
        if self._wanted and self._call == "none":
            self._call = "placing"
            return "invite"
        if self._call == "placed" and not self._wanted and not self._hanging_up:
            self._hanging_up = True
            return "hang up"
        return None
