"""Turns: who speaks, and what follows from it. Pure: events in, commands out.

The model's server never answers or interrupts by itself (`create_response` and
`interrupt_response` are off): it is asked for one response at a time, when the caller has said
something, and the one before is done.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from .commands import Cancel, Command, Commit, Create, Delete, Hold, Resume, Stop

__all__ = ["Policy", "State", "Turns"]

TRUSTED_MS = 2000
"""Speech of this length, which no cough or breath has, is answered whatever the local detector
says, if nothing played."""


class State(Enum):
    """What the call is at, as shown with the live calls."""

    LISTENING = "listening"
    THINKING = "thinking"
    RESPONDING = "responding"
    PAUSED = "paused"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Policy:
    """Who tells what.

    Args:
        barge_in: `local`, `model` or `off`: who tells that the caller interrupts.
        local_turns: whether the local detector ends turns.
        hold: whether the assistant is silent until a noise is told from speech.

    """

    barge_in: str = "local"
    local_turns: bool = False
    hold: bool = True


class Turns:
    """The turns of one call.

    Args:
        policy: who tells what.

    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.active: str | None = None
        """The model's response in progress."""
        self._creating = False
        self._wanted = False
        self._doomed = False
        self._fresh = False
        self._muted: deque[str] = deque(maxlen=32)
        self._last = self._cancelled = ""
        self._held = False
        self._spoken = self._doubted = False
        self._interrupted = False
        self._functions = 0

    @property
    def busy(self) -> bool:
        """Whether the model responds, or will."""
        return bool(self.active or self._creating or self._wanted or self._functions)

    def state(self, audible: bool) -> State:
        """What the call is at; *audible* says whether there is something to be heard."""
        if self._held:
            return State.PAUSED
        if audible:
            return State.RESPONDING
        if self._interrupted:
            return State.INTERRUPTED
        if self.busy:
            return State.THINKING
        return State.LISTENING

    def takes(self, response_id: str) -> bool:
        """Whether audio of a response is to be heard: not of one that was interrupted."""
        return response_id not in self._muted

    # The caller, as the local detector hears it

    def onset(self) -> list[Command]:
        """Something loud began."""
        if self._policy.barge_in != "local" or not self._policy.hold:
            return []
        self._held = True
        return [Hold()]

    def speech(self) -> list[Command]:
        """It is speech."""
        self._spoken = True
        return self._interrupt() if self._policy.barge_in == "local" else []

    def echo(self) -> None:
        """What is heard may be an echo of what plays."""
        self._doubted = True

    def noise(self) -> list[Command]:
        """It is no speech."""
        self._doubted = True
        if not self._held:
            return []
        self._held = False
        return [Resume()]

    def silence(self) -> list[Command]:
        """The caller has finished, says the local detector."""
        if not self._policy.local_turns or not self._spoken:
            return []
        return [Commit(), *self._answered()]

    # The caller, as the model's server hears it

    def server_speech(self) -> list[Command]:
        """The server hears the caller speak."""
        return self._interrupt() if self._policy.barge_in == "model" else []

    def committed(self, item_id: str, length_ms: float, audible: bool) -> list[Command]:
        """The caller's turn is an item of the conversation.

        Args:
            item_id: of the turn.
            length_ms: of the speech, as the server heard it; 0 if it has not said.
            audible: whether something was to be heard meanwhile.

        """
        if self._policy.local_turns:
            return []
        # What only the server heard is a caller who is too quiet for the local detector.
        doubted, self._doubted = self._doubted and not self._spoken, False
        if length_ms >= TRUSTED_MS and not audible:
            doubted = False
        if self._policy.barge_in == "local" and doubted:
            return [Delete(item_id)]
        return self._answered()

    def written(self) -> list[Command]:
        """An item was added that the model is to answer: keys, or the order to greet."""
        return self._answered()

    def pressed(self) -> list[Command]:
        """The caller has pressed a key."""
        return self._interrupt()

    # The model

    def created(self, response_id: str) -> list[Command]:
        """A response is in progress."""
        # Some servers create one by themselves whatever they were told: one a turn is enough, and
        # none while the caller speaks.
        unasked = not self._creating and (self._fresh or self._spoken or self._interrupted)
        self.active = self._last = response_id
        cancelled = self._doomed or unasked
        self._creating = self._doomed = False
        self._fresh = True
        return self._cancel() if cancelled else []

    def done(self, response_id: str) -> list[Command]:
        """A response is over."""
        if response_id == self.active:
            self.active = None
        if not self._wanted or self.active or self._functions:
            return []
        return self._create()

    def refused(self, active: bool) -> list[Command]:
        """The server has refused to create a response.

        Args:
            active: because one is in progress.

        """
        self._creating = self._doomed = False
        if active and not self._fresh:
            # One that was created before this turn: asked again when it is done.
            self._wanted = True
        return self._create() if self._wanted and not active and not self.active else []

    def function_called(self, response_id: str) -> None:
        """The model calls a function."""
        if response_id not in self._muted:
            self._functions += 1

    def function_returned(self, response_id: str, last_word: bool) -> list[Command]:
        """A function's output was sent; the model goes on when it has all of them.

        Args:
            response_id: which called it.
            last_word: whether the model has nothing to say to it.

        """
        if response_id in self._muted:
            return []
        self._functions -= 1
        if self._functions or (last_word and not self._wanted):
            return []
        return self._create()

    def overflowed(self) -> list[Command]:
        """The response in progress is longer than what may wait."""
        return self._cancel()

    # What follows

    def _interrupt(self) -> list[Command]:
        self._held = False
        self._interrupted = True
        self._wanted = False
        self._functions = 0
        if self._creating:
            self._doomed = True
        if self._last:
            self._muted.append(self._last)
        return [*self._cancel(), Stop()]

    def _cancel(self) -> list[Command]:
        if self.active is None or self.active == self._cancelled:
            return []
        self._cancelled = self.active
        self._muted.append(self.active)
        return [Cancel(self.active)]

    def _answered(self) -> list[Command]:
        held, self._held = self._held, False
        self._spoken = self._interrupted = self._fresh = False
        return [*([Resume()] if held else []), *self._create()]

    def _create(self) -> list[Command]:
        if self.active or self._creating:
            self._wanted = True
            return []
        self._wanted = False
        self._creating = True
        return [Create()]
