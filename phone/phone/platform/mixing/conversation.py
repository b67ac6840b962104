"""A conversation: its members, and the clock that mixes them every 20 ms."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter as now

from phone.audio.conversion import RateConverter
from phone.audio.files import Samples
from phone.audio.tape import Tape
from phone.constants import FRAME_SECONDS, MEMBERS_MAX, PLATFORM_RATE, frame_bytes
from phone.legs.identity import conversation_uuid
from phone.legs.participant import Participant
from phone.platform.mixing.mixer import Hearing, mix
from phone.platform.mixing.playout import Playout

__all__ = ["Conversation", "ConversationFull", "Member"]


class ConversationFull(Exception):
    """The conversation has as many members as the platform allows."""


@dataclass(eq=False)
class Member:
    """A leg's place in a conversation.

    Args:
        uuid: the leg's.
        participant: who speaks and hears.
        on_key: called with each key that the participant presses.
        muted: no other member hears it.
        earmuffed: it hears no other member.
        can_speak: the only legs that hear it; None: all.
        can_hear: the only legs that it hears; None: all.
        ends_conversation: when it leaves, all others are ended.
        end: ends its leg.
        playout: what the platform plays to it.
        tapes: record what it says and hears.

    """

    uuid: str
    participant: Participant
    on_key: Callable[[str], None] = lambda _: None
    muted: bool = False
    earmuffed: bool = False
    can_speak: frozenset[str] | None = None
    can_hear: frozenset[str] | None = None
    ends_conversation: bool = False
    end: Callable[[], None] = lambda: None
    playout: Playout = field(default_factory=Playout)
    tapes: list[Tape] = field(default_factory=list)
    _converters: dict[tuple[int, int], RateConverter] = field(default_factory=dict)

    def speak(self, rate: int, due: float) -> bytes | None:
        """Return what it says, at the conversation's rate."""
        own = self.participant.rate or rate
        frame = self.participant.speak(own, due)
        return frame if own == rate or frame is None else self._convert(frame, own, rate)

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Let it hear a frame of the conversation's rate, and what the platform plays to it."""
        frame = None if self.earmuffed else frame
        played = self.playout.next(rate)
        if played is not None and frame is not None:
            frame = mix([None, frame, played])[0]
        frame = played if frame is None else frame
        own = self.participant.rate or rate
        if own != rate and frame is not None:
            frame = self._convert(frame, rate, own)
        self.participant.hear(frame, own, due)

    def _convert(self, frame: bytes, old: int, new: int) -> bytes | None:
        if (old, new) not in self._converters:
            self._converters[old, new] = RateConverter(old, new)
        return self._converters[old, new].convert(frame)


class Conversation:
    """Mixes its members while there are any.

    Args:
        uuid: its `conversation_uuid`.
        name: of a room; empty for a call's own.
        started: whether its members hear each other already; otherwise the music on hold.

    """

    def __init__(self, uuid: str = "", name: str = "", *, started: bool = True) -> None:
        self.uuid = uuid or conversation_uuid()
        self.name = name
        self.started = started
        self.tapes: list[Tape] = []
        self.ticks = 0
        self.late_ticks = 0
        self.worst_lag = 0.0
        self._members: dict[str, Member] = {}
        self._hold: Samples | None = None
        self._clock: asyncio.Task[None] | None = None

    @property
    def members(self) -> tuple[Member, ...]:
        """The members of the conversation."""
        return tuple(self._members.values())

    @property
    def rate(self) -> int:
        """Sample rate of the mix in Hz: the highest of its sockets', so that two stay bit-exact."""
        rates = [m.participant.rate for m in self._members.values()]
        return max((rate for rate in rates if rate is not None), default=PLATFORM_RATE)

    def join(self, member: Member) -> None:
        """Add a member.

        Raises:
            ConversationFull: there are as many as the platform allows.

        """
        if len(self._members) >= MEMBERS_MAX and member.uuid not in self._members:
            raise ConversationFull(f"{MEMBERS_MAX} members are in {self.name or self.uuid}")
        self._members[member.uuid] = member
        if not self.started and self._hold is not None:
            member.playout.play(self._hold, loops=True)
        if self._clock is None or self._clock.done():
            self._clock = asyncio.create_task(self._run(), name="conversation")

    def leave(self, uuid: str) -> None:
        """Remove a member; the clock stops with the last one."""
        member = self._members.pop(uuid, None)
        if member is not None and member.ends_conversation:
            for other in self._members.values():
                other.end()
        if not self._members and self._clock is not None:
            self._clock.cancel()

    def start(self) -> None:
        """Let the members hear each other from now on."""
        if not self.started:
            self.started = True
            for member in self._members.values():
                member.playout.stop()

    def hold(self, music: Samples) -> None:
        """Play music to those who wait for the start."""
        self._hold = music
        if not self.started:
            for member in self._members.values():
                member.playout.play(music, loops=True)

    def tick(self, due: float) -> None:
        """Mix what the members say in the 20 ms at `due`."""
        members = list(self._members.values())
        rate = self.rate
        self._pass_keys(members)
        spoken: list[bytes | None] = []
        for member in members:
            frame = member.speak(rate, due)
            heard = self.started and not member.muted
            spoken.append(_framed(frame, rate) if heard and frame is not None else None)
        if self.tapes:
            spoken.append(None)  # a silent member at the end, who hears everyone
        mixed = mix(spoken, self._hearing(members))
        for member, said, frame in zip(members, spoken, mixed, strict=False):
            member.hear(frame, rate, due)
            for tape in member.tapes:
                tape.add(mix([None, said, frame])[0], rate)
        for tape in self.tapes:
            tape.add(mixed[-1], rate)

    def _pass_keys(self, members: list[Member]) -> None:
        for member in members:
            for digit in member.participant.pressed():
                member.on_key(digit)
                for other in members:
                    if other is not member:
                        other.participant.hear_key(digit)

    def _hearing(self, members: list[Member]) -> Hearing:
        places = {member.uuid: place for place, member in enumerate(members)}

        def restricted(legs: frozenset[str]) -> frozenset[int]:
            return frozenset(places[uuid] for uuid in legs if uuid in places)

        return Hearing(
            {places[m.uuid]: restricted(m.can_speak) for m in members if m.can_speak is not None},
            {places[m.uuid]: restricted(m.can_hear) for m in members if m.can_hear is not None},
        )

    async def _run(self) -> None:
        begin = now()
        count = 0
        while True:
            due = begin + count * FRAME_SECONDS
            # Late ticks follow at once, so that the clock stays absolute.
            await asyncio.sleep(max(0.0, due - now()))
            lag = now() - due
            self.worst_lag = max(self.worst_lag, lag)
            self.late_ticks += lag > FRAME_SECONDS
            self.ticks += 1
            self.tick(due)
            count += 1


def _framed(frame: bytes, rate: int) -> bytes:
    """Return a frame of exactly 20 ms: a script's last one may be shorter."""
    size = frame_bytes(rate)
    return frame if len(frame) == size else frame[:size].ljust(size, b"\0")
