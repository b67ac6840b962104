"""A call controlled step by step by a test: say, press, listen, hang up. Blocking."""

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import uvloop

from phone.audio.files import Samples, load
from phone.audio.recognition import is_loud, recognise
from phone.legs.callers import LiveCaller
from phone.legs.keys import parse_keys
from phone.legs.plan import CallPlan, PlanError
from phone.legs.trace import LegTrace
from phone.platform.place import place
from phone.report.call_report import CallReport
from phone.report.conclusion import conclude
from phone.report.hearing import heard
from phone.report.summary import summary

__all__ = ["CallFailed", "Heard", "LiveCall"]

POLL_SECONDS = 0.1
CONNECT_SECONDS = 30.0  # the webhooks' and the handshake's own limits come first
HANGUP_SECONDS = 60.0  # so do those of the last events


class CallFailed(AssertionError):
    """The call did not get as far as the test wanted; the message is the call's report."""


@dataclass(frozen=True)
class Heard:
    """Whether a sound was heard: true or false, with a readable text for failed assertions."""

    found: bool
    what: str
    seen: str

    def __bool__(self) -> bool:
        return self.found

    def __repr__(self) -> str:
        return f"<{self.what}: {'heard' if self.found else 'not heard'}; {self.seen}>"


class LiveCall:
    """One call in a thread of its own; a context manager that hangs up.

    Args:
        plan: what to call; `audio`, `seconds` and `dtmf` are ignored: the test says and presses.

    Raises:
        CallFailed: the socket did not open.
        PlanError: the plan cannot be carried out.

    """

    def __init__(self, plan: CallPlan) -> None:
        self._caller = LiveCaller()
        self._plan = plan
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hang_up: asyncio.Event | None = None
        self._report: CallReport | None = None
        self._error: BaseException | None = None
        self._over = threading.Event()
        self._plan.check()
        self._thread = threading.Thread(target=self._run, name="phone call", daemon=True)
        self._thread.start()
        self._wait_for_socket()

    def __enter__(self) -> "LiveCall":
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def say(self, source: str | Path, wait: bool = True) -> None:
        """Say something.

        Args:
            source: a file, or "speech", "tone"; converted to the call's rate.
            wait: until it was said.

        Raises:
            CallFailed: the call is over.

        """
        frames = load(source, self._trace.rate).frames()
        self._caller.say(frames)
        while wait and not self._caller.quiet.wait(POLL_SECONDS):
            self._expect_a_call()

    def press(self, keys: str) -> None:
        """Press keys, one after the other.

        Raises:
            PlanError: something that is no key.

        """
        try:
            pressed = parse_keys(keys, 1.0)
        except ValueError as error:
            raise PlanError(str(error)) from error
        for key in pressed:
            self._caller.press(key.digit)

    def listen(self, seconds: float) -> None:
        """Stay on the line in silence; returns early when the call ends."""
        self._over.wait(seconds)

    def heard(self, source: str | Path | None = None, within: float = 5.0) -> Heard:
        """Wait until something was heard.

        Args:
            source: a file, or "speech", "tone"; None: any sound at all.
            within: seconds to wait for it.

        """
        deadline = time.monotonic() + within
        while True:
            answer = self._look_for(source)
            if answer or time.monotonic() > deadline or self._over.is_set():
                return answer
            self._over.wait(POLL_SECONDS)

    @property
    def texts(self) -> list[str]:
        """The text messages of the application, up to now."""
        return list(self._trace.texts)

    @property
    def report(self) -> CallReport:
        """The call's report; hangs up first if the call still runs."""
        return self.hang_up()

    def hang_up(self) -> CallReport:
        """Hang up, and return the call's report; may be called again."""
        if self._loop is not None and self._hang_up is not None and not self._over.is_set():
            self._loop.call_soon_threadsafe(self._hang_up.set)
        self._thread.join(HANGUP_SECONDS)
        if self._error is not None:
            raise self._error
        if self._report is None:
            raise CallFailed(f"the call did not end within {HANGUP_SECONDS:g} s")
        return self._report

    @property
    def _trace(self) -> LegTrace:
        if self._caller.trace is None:
            raise CallFailed("the socket is not open")
        return self._caller.trace

    def _look_for(self, source: str | Path | None) -> Heard:
        rate = self._trace.rate
        sound = self._sound()
        seconds = f"{len(sound) / rate:.1f} s of sound came"
        if source is None:
            return Heard(is_loud(sound), "any sound", seconds)
        match = recognise(load(source, rate).samples, sound, rate)
        found = f"{match.share:.0%} of it, likeness {match.likeness:.2f}, at {match.at:.1f} s"
        return Heard(match.found, str(source), f"{found}; {seconds}")

    def _sound(self) -> Samples:
        return heard(self._caller.played, list(self._caller.traces), self._trace.rate)

    def _expect_a_call(self) -> None:
        if self._over.is_set():
            raise CallFailed("the call is over:\n" + summary(self.hang_up()))

    def _wait_for_socket(self) -> None:
        deadline = time.monotonic() + CONNECT_SECONDS
        while not self._caller.connected.wait(POLL_SECONDS):
            if self._over.is_set() and not self._caller.connected.is_set():
                raise CallFailed("the socket did not open:\n" + summary(self.hang_up()))
            if time.monotonic() > deadline:
                raise CallFailed(f"the socket did not open within {CONNECT_SECONDS:g} s")

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                self._report = runner.run(self._call())
        except Exception as error:
            self._error = error
        finally:
            self._over.set()

    async def _call(self) -> CallReport:
        self._loop = asyncio.get_running_loop()
        self._hang_up = asyncio.Event()
        log = await place(self._plan, self._caller, hang_up=self._hang_up)
        return await conclude(self._plan, log)
