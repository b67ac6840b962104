"""The actions `talk` and `stream`: what the platform says and plays (NCCO reference)."""

import asyncio
import contextlib
from itertools import repeat
from time import perf_counter as now
from typing import Literal

from phone.audio.conversion import amplified
from phone.audio.files import AudioError, Samples, decode_stream
from phone.audio.voices import VoiceError, speak
from phone.constants import LEVEL_DB, PLATFORM_RATE, STREAM_MAX_BYTES
from phone.legs.log import PlatformSound, Problem
from phone.platform.leg import Leg
from phone.platform.ncco.actions import Stream, Talk
from phone.platform.ncco.document import spoken_seconds
from phone.platform.running.music import DOWNLOAD, FORMATS
from phone.platform.webhooks.exchange import WebhookError

__all__ = ["Announcer"]


class Announcer:
    """Says and plays in real time, unless everything happens at once.

    Args:
        leg: who hears it.

    """

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._call = leg.call
        self._mute = False

    async def talk(self, action: Talk, *, endless: bool = False) -> None:
        """Say the text: aloud if that is wanted and a voice is installed.

        Args:
            action: what is said.
            endless: `loop` 0 repeats until it is cancelled, as the API's does.

        """
        self._call.log.add("talk", f"“{action.words}”")
        self._call.log.spoke(action.words)
        endless = endless and action.loop == 0
        if not endless:
            self._warn_of_endless(action)
        sound = await self._spoken(action)
        if sound is None:
            await self.pass_time(spoken_seconds(action.words) * max(1, action.loop))
        else:
            sound = amplified(sound, action.level * LEVEL_DB)
            await self._play("talk", action.words, sound, action.loop, endless=endless)

    async def stream(self, action: Stream, *, endless: bool = False) -> None:
        """Fetch the file, check it, and play it unless everything happens at once.

        Args:
            action: what is played.
            endless: `loop` 0 repeats until it is cancelled, as the API's does.

        """
        call, url = self._call, action.stream_url[0]
        endless = endless and action.loop == 0
        if not endless:
            self._warn_of_endless(action)
        try:
            work = call.webhooks.download(url, DOWNLOAD, STREAM_MAX_BYTES)
            data = await self._leg.unless_over(work)
            if data is None:
                return
            sound, kind = await asyncio.to_thread(decode_stream, data, PLATFORM_RATE)
        except WebhookError as error:
            call.log.add("stream", f"{url}: {error.seen}")
            call.problem("stream", f"{url}: {error.seen}", error.advice)
            return
        except AudioError as error:
            call.log.add("stream", f"{url}: {error}")
            call.problem("stream", f"{url}: {error}", FORMATS)
            return
        unheard = ", at once and unheard" if call.behaviour.talk == "at-once" else ""
        seconds = len(sound) / PLATFORM_RATE
        call.log.add("stream", f"{url}: {seconds:.1f} s of {kind}{unheard}")
        if not unheard:
            sound = amplified(sound, action.level * LEVEL_DB)
            await self._play("stream", url, sound, action.loop, endless=endless)

    async def pass_time(self, seconds: float, *, always: bool = False) -> None:
        """Wait, unless everything happens at once, for a time or until the caller hangs up.

        Args:
            seconds: how much.
            always: even when all is at once.

        """
        if always or self._call.behaviour.talk != "at-once":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._leg.over.wait()

    async def _spoken(self, action: Talk) -> Samples | None:
        if self._call.behaviour.talk != "aloud" or self._mute:
            return None
        try:
            work = speak(action.words, action.language, PLATFORM_RATE)
            return await self._leg.unless_over(work)
        except VoiceError as error:
            # Said once; and never a failure, for it is no fault of the application.
            self._mute = True
            self._call.log.record(Problem("talk", error.seen, error.advice, "warning"))
            return None

    async def _play(
        self,
        kind: Literal["talk", "stream"],
        text: str,
        samples: Samples,
        loop: int,
        *,
        endless: bool,
    ) -> None:
        for _ in repeat(None) if endless else range(max(1, loop)):
            begin = now()
            self._leg.member.playout.play(samples)
            whole = False
            try:
                await self.pass_time(len(samples) / PLATFORM_RATE)
                whole = not self._leg.is_over
            finally:  # a key may have cut it short
                part = samples if whole else samples[: round((now() - begin) * PLATFORM_RATE)]
                self._call.log.sound(PlatformSound(kind, text, begin, part))
            if not whole:
                return

    def _warn_of_endless(self, action: Talk | Stream) -> None:
        if action.loop == 0 and not action.barge_in:
            self._call.problem(
                "ncco",
                f"a {action.action} with loop 0 never ends: the platform runs nothing behind it; "
                "here it came once",
                "set bargeIn and let an input follow, or give a number",
                "warning",
            )
