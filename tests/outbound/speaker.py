"""A handler for these tests: says `PLAY_FILE` as soon as somebody can hear it, then listens."""

from __future__ import annotations

import os

from echo_service.handlers import Answered, AudioCall, Connected, Machine, Notify

HANGS_UP = "hang up"


async def speak(call: AudioCall) -> None:
    """Speak once the person has answered; note what else ncco-service tells."""
    async for _, event in call:
        first = isinstance(event, Connected) and "answered_key" not in call.metadata
        if first or isinstance(event, Answered):
            call.note(answered=not first)
            said = await call.play(os.environ["PLAY_FILE"])
            await said.wait()
            await call.notify({"then": call.metadata.get("then")})
        elif isinstance(event, Notify) and event.payload["then"] == HANGS_UP:
            return  # the platform has played it
        elif isinstance(event, Machine):
            call.note(beep=event.beep)
