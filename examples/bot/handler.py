"""A bot: AUDIO_HANDLER=bot.handler:bot

It greets, takes keys and spoken words, stops talking when the caller talks, and hands over to a
person by ending its part of the call: then the platform asks ncco-service what comes next
(NCCO_AFTER_FILE, here handover.json).
"""

from __future__ import annotations

from pathlib import Path

from echo_service.handlers import AudioCall, Dtmf
from echo_service.logs import get_logger
from speech.ear import Ear, Phrase, Started

from .words import RATE, understand

__all__ = ["bot"]

logger = get_logger(__name__)

SOUNDS = Path(__file__).parent / "sounds"
KEYS = {"1": "opening hours", "0": "operator"}


async def bot(call: AudioCall) -> None:
    """Talk with one caller."""
    ear = Ear(call.rate or RATE)
    await call.play(SOUNDS / "greeting.wav")
    async for at, event in call:
        wish: str | None = None
        match event:
            case bytes():
                for heard in ear.feed(event):
                    if isinstance(heard, Started):
                        # Who speaks is not listening.
                        await call.clear()
                        logger.info("barge_in", call=call.id, at=at)
                    if isinstance(heard, Phrase):
                        wish = await call.in_thread(understand, heard.pcm) or "?"
            case Dtmf(digit=digit):
                wish = KEYS.get(digit, "?")
        if wish:
            logger.info("wish", call=call.id, at=at, wish=wish)
            call.note(wish=wish)
        match wish:
            case "operator":
                moment = await call.play(SOUNDS / "moment.wav", replace=True)
                await moment.wait()
                return
            case "opening hours":
                await call.play(SOUNDS / "hours.wav", replace=True)
            case "?":
                await call.play(SOUNDS / "pardon.wav", replace=True)
