"""One leg of a load: sends masked frames, and follows the echo frame by frame as it arrives."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from phone.constants import FRAME_MS
from phone.load.fast import FastConnection
from phone.load.result import Gap, LoadResult
from phone.load.wheel import Wheel

__all__ = ["LATE_MS", "Course", "LoadLeg", "Sound"]

LATE_MS = 60.0  # three frames: what a listener's jitter buffer hides
AHEAD = 100  # how many frames after the expected one an echo is looked for: two seconds
MESSAGES_PER_FRAME = 4  # from a server that sends more than it gets, before it is left


class Sound:
    """Frames to send, masked once for all legs.

    Args:
        frames: what is said, 20 ms each; it loops.
        wires: the same frames as they go over the wire.

    """

    def __init__(self, frames: Sequence[bytes], wires: Sequence[bytes]) -> None:
        self.frames = frames
        self.wires = wires


@dataclass
class Course:
    """Progress of a call, over all its sockets.

    Args:
        count: frames to send in all.
        sent: so many left.
        heard_at: when the last one came back, in seconds of `perf_counter`; 0 before the first.
        moved: whether nothing has come back since the last socket was lost.

    """

    count: int
    sent: int = 0
    heard_at: float = 0.0
    moved: bool = False


class LoadLeg:
    """Sends a call's frames in its turn, and matches what comes back in order.

    Args:
        connection: after its handshake and first message.
        sound: what is said.
        course: of the call; continues with the frames it has left.
        result: where the counts go.
        wheel: tells it when to send.

    """

    def __init__(
        self,
        connection: FastConnection,
        sound: Sound,
        course: Course,
        result: LoadResult,
        wheel: Wheel,
    ) -> None:
        self.done = asyncio.Event()
        self.failure = ""
        self.matched = 0
        self.sent = 0
        self._connection = connection
        self._sound = sound
        self._course = course
        self._count = course.count - course.sent
        self._result = result
        self._wheel = wheel
        self._waiting: deque[tuple[int, float]] = deque()
        self._received = 0
        self._strange = 0
        connection.on_audio = self._take

    @property
    def all_sent(self) -> bool:
        """Whether nothing is left to send."""
        return self.sent == self._count

    def start(self) -> None:
        """Start to send, in turn with the wheel's other legs."""
        self._wheel.add(self.turn)

    def turn(self, due: float) -> bool:
        """Send the next frame; return whether there is another."""
        if self.done.is_set():
            return False
        if not self._connection.is_open:
            return False  # whoever waits for the connection's end says why
        index = self.sent % len(self._sound.wires)
        leaving = perf_counter()
        if not self._connection.write_frame(self._sound.wires[index]):
            self.failure = "socket: the application stopped reading"
            self.done.set()
            return False
        self._waiting.append((index, leaving))
        self._result.lags.add((leaving - due) * 1000)
        self._result.sent += 1
        self.sent += 1
        self._course.sent += 1
        return self.sent < self._count

    def _take(self, message: bytes, arrival: float) -> None:
        if arrival >= self._wheel.due:
            self._wheel.turn()  # many messages at once keep no frame waiting
        self._received += 1
        waiting, frames = self._waiting, self._sound.frames
        if waiting and frames[waiting[0][0]] == message:
            self._matched(waiting.popleft()[1], arrival)
            return
        for place in range(1, min(AHEAD, len(waiting))):
            if frames[waiting[place][0]] == message:
                for _ in range(place):  # those before it are lost
                    waiting.popleft()
                self._matched(waiting.popleft()[1], arrival)
                return
        self._strange += 1
        if self._received > MESSAGES_PER_FRAME * (self.sent + AHEAD):
            self.failure = "socket: the application sent far more audio than real time holds"
            self.done.set()

    def _matched(self, left: float, arrival: float) -> None:
        delay = (arrival - left) * 1000
        self._result.delays.add(delay)
        self.matched += 1
        course = self._course
        if course.moved:
            course.moved = False
            gap_ms = (arrival - course.heard_at) * 1000 - FRAME_MS
            self._result.gaps.append(Gap(arrival, gap_ms))
        course.heard_at = arrival
        if delay > LATE_MS:
            self._result.late += 1
        if self.matched == self._count:
            self.done.set()

    def close(self, forgive: bool, gone: bool = False) -> None:
        """Add this leg's counts to the result.

        Args:
            forgive: the caller hung up, so frames on their way are not lost.
            gone: the application closed the socket, so those are in the gap of a move, if one
                follows; frames that were overtaken are lost all the same.

        """
        result = self._result
        result.matched += self.matched
        unheard = self.sent - self.matched
        lost = unheard - len(self._waiting) if gone else unheard
        result.lost += 0 if forgive else lost
        if gone and not forgive:
            result.in_gaps += len(self._waiting)
            self._course.moved = self._course.heard_at > 0
        result.strange += self._strange
        self._connection.on_audio = None
