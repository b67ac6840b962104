"""What the platform itself says and plays to the caller: `talk` and `stream` (NCCO reference)."""

import asyncio
import contextlib
from time import perf_counter as now
from typing import Literal

from phone.actions import Stream, Talk
from phone.audio import AudioError, Samples, decode_stream
from phone.constants import CONNECT_TIMEOUT, EVENT_TIMEOUT, STREAM_MAX_BYTES
from phone.exchange import WebhookError
from phone.hearing import PLATFORM_RATE, PlatformSound
from phone.ncco import spoken_seconds
from phone.report import Problem
from phone.state import CallState
from phone.voice import VoiceError, speak
from phone.webhooks import Timeouts

__all__ = ["DOWNLOAD", "FORMATS", "Announcer"]

# Not published: how long the platform waits for a file. As long as for an event.
DOWNLOAD = Timeouts(CONNECT_TIMEOUT, EVENT_TIMEOUT)
SOUNDS_KEPT = 1000  # of a file that loops without end
FORMATS = "give an MP3, or a WAV file of 16 bit"


class Announcer:
    """Says and plays; in the time that it takes, where the plan wants that.

    Args:
        state: the call's.
    """

    def __init__(self, state: CallState) -> None:
        self._state = state
        self._mute = False

    async def talk(self, action: Talk) -> None:
        """Say the text: aloud if the plan wants it and a voice is installed."""
        self._state.timeline.add("talk", f"“{action.words}”")
        self._state.report.spoken.append(action.words)
        self._warn_of_endless(action)
        sound = await self._spoken(action)
        if sound is None:
            await self.pass_time(spoken_seconds(action.words) * max(1, action.loop))
        else:
            await self._play("talk", action.words, sound, action.loop)

    async def stream(self, action: Stream) -> None:
        """Fetch the file, check it, and play it unless everything happens at once."""
        state, url = self._state, action.stream_url[0]
        self._warn_of_endless(action)
        try:
            work = state.webhooks.download(url, DOWNLOAD, STREAM_MAX_BYTES)
            data = await state.unless_hung_up(work)
            if data is None:
                return
            sound, kind = await asyncio.to_thread(decode_stream, data, PLATFORM_RATE)
        except WebhookError as error:
            state.timeline.add("stream", f"{url}: {error.seen}")
            state.problem("stream", f"{url}: {error.seen}", error.advice)
            return
        except AudioError as error:
            state.timeline.add("stream", f"{url}: {error}")
            state.problem("stream", f"{url}: {error}", FORMATS)
            return
        unheard = ", at once and unheard" if state.plan.talk == "at-once" else ""
        seconds = len(sound) / PLATFORM_RATE
        state.timeline.add("stream", f"{url}: {seconds:.1f} s of {kind}{unheard}")
        if not unheard:
            await self._play("stream", url, sound, action.loop)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass until it is over or the caller hangs up; none when all is at once."""
        if self._state.plan.talk != "at-once":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._state.hang_up.wait()

    async def _spoken(self, action: Talk) -> Samples | None:
        if self._state.plan.talk != "aloud" or self._mute:
            return None
        try:
            work = speak(action.words, action.language, PLATFORM_RATE)
            return await self._state.unless_hung_up(work)
        except VoiceError as error:
            # Said once; and never a failure, for it is no fault of the application.
            self._mute = True
            self._state.report.problems.append(Problem("talk", error.seen, error.advice, "warning"))
            return None

    async def _play(
        self, kind: Literal["talk", "stream"], text: str, samples: Samples, loop: int
    ) -> None:
        played = self._state.report.played
        for _ in range(max(1, loop)):
            begin = now()
            await self.pass_time(len(samples) / PLATFORM_RATE)
            gone = self._state.hung_up
            part = samples[: round((now() - begin) * PLATFORM_RATE)] if gone else samples
            if len(played) < SOUNDS_KEPT:
                played.append(PlatformSound(kind, text, begin, part))
            if gone:
                return

    def _warn_of_endless(self, action: Talk | Stream) -> None:
        if action.loop == 0 and not action.barge_in:
            self._state.problem(
                "ncco",
                f"a {action.action} with loop 0 never ends: the platform runs nothing behind it; "
                "here it came once",
                "set bargeIn and let an input follow, or give a number",
                "warning",
            )
