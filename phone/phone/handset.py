"""A caller under someone's control: what to say and press while the call runs, what was heard."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence

from phone.constants import frame_bytes
from phone.hearing import PlatformSound
from phone.trace import LegTrace

__all__ = ["Handset"]


class Handset:
    """Held by a test in one thread, and by the leg in another.

    Between what is said there is silence: the platform never stops sending frames.
    """

    def __init__(self) -> None:
        self.trace: LegTrace | None = None
        self.played: Sequence[PlatformSound] = ()
        self.connected = threading.Event()
        self.quiet = threading.Event()
        self.quiet.set()
        self._frames: deque[bytes] = deque()
        self._keys: deque[str] = deque()

    def connect(self, trace: LegTrace, played: Sequence[PlatformSound]) -> None:
        """Be connected to a leg; called when its socket is open.

        Args:
            trace: of the leg.
            played: what the platform itself let the caller hear before.
        """
        self.trace = trace
        self.played = played
        self.connected.set()

    def say(self, frames: Sequence[bytes]) -> None:
        """Say frames after those that still wait; `quiet` is set again when all were sent."""
        self.quiet.clear()
        self._frames.extend(frames)
        if not frames:
            self.quiet.set()

    def press(self, digit: str) -> None:
        """Press a key."""
        self._keys.append(digit)

    def frames(self) -> Iterator[bytes]:
        """Yield the frames to send, without end; called by the leg."""
        if self.trace is None:
            raise RuntimeError("connect the handset first")
        silence = bytes(frame_bytes(self.trace.rate))
        while True:
            if self._frames:
                yield self._frames.popleft()
                continue
            self.quiet.set()
            yield silence

    def keys(self) -> Iterator[str]:
        """Yield the keys pressed since the last time; called by the leg."""
        while self._keys:
            yield self._keys.popleft()
