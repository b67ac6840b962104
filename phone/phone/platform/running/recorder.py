"""The action `record`: records what a leg says and hears, and publishes the recording."""

import asyncio
import contextlib

import numpy as np

from phone.audio.recognition import is_loud
from phone.audio.tape import Tape
from phone.audio.tones import beep
from phone.constants import PLATFORM_RATE
from phone.platform.leg import Leg
from phone.platform.mixing.recording import Recording
from phone.platform.ncco.actions import Record
from phone.platform.running.source import event_target
from phone.platform.waiting import first_of

__all__ = ["publish", "record"]

LOOK_SECONDS = 0.2
LONGEST_SECONDS = 7200.0  # of `timeOut` (NCCO reference, record)


async def record(
    leg: Leg, tapes: list[Tape], action: Record, begun: asyncio.Event, stop: asyncio.Event
) -> None:
    """Record until the action or the leg ends, then post the event of the recording.

    Args:
        leg: whose.
        tapes: what is recorded: the leg's own, or those of a conversation.
        action: says how, and when it ends.
        begun: set as soon as it records.
        stop: set when the NCCO is over.

    """
    recording = Recording(action.format or "mp3")
    if action.beep_start:
        leg.member.playout.play(beep(PLATFORM_RATE))
    tapes.append(recording.tape)
    leg.call.log.add("record", f"as {recording.format}")
    begun.set()
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(action.time_out or LONGEST_SECONDS):
                await _end(leg, action, recording, stop)
    finally:
        tapes.remove(recording.tape)
        await publish(leg, recording, action)


async def publish(leg: Leg, recording: Recording, action: Record) -> None:
    """Encode a recording, publish it, and post its event."""
    await asyncio.to_thread(recording.finish)
    url = leg.call.directory.publish(recording)
    if not url.startswith("http"):
        seen = "the recording can be fetched nowhere, for this is one call without a network"
        leg.call.problem("ncco", seen, "use `phone platform`, which serves it", "warning")
    leg.call.log.add("record", f"{recording.tape.seconds:.1f} s at {url}")
    event = recording.event(url, leg.events.conversation_uuid)
    leg.call.events.post(event, event_target(action) or leg.target)


async def _end(leg: Leg, action: Record, recording: Recording, stop: asyncio.Event) -> None:
    """Return when a key, silence, the NCCO or the leg ends the recording."""
    while not leg.is_over and not stop.is_set():
        if action.end_on_key and action.end_on_key in leg.keys:
            leg.keys.clear()
            return
        if action.end_on_silence and recording.tape.seconds >= action.end_on_silence:
            tail = recording.tape.tail(action.end_on_silence)
            pieces = np.array_split(tail, max(1, len(tail) * 50 // PLATFORM_RATE))
            if not any(is_loud(piece) for piece in pieces):
                return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await first_of(leg.over.wait(), stop.wait())
