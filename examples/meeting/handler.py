"""Takes part in a meeting: AUDIO_HANDLER=meeting.handler:attend

Everything that is said is written down, in the log. Whoever says "assistant" is answered: it knows
what time it is.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

from echo_service.handlers import AudioCall
from echo_service.logs import get_logger
from transcription.handler import words_of

from .clock import spoken

__all__ = ["attend"]

logger = get_logger(__name__)

SOUNDS = Path(__file__).parent / "sounds"
NAME = re.compile(r"\bassistant\b", re.IGNORECASE)
TIME = re.compile(r"\btime\b", re.IGNORECASE)


async def attend(call: AudioCall) -> None:
    """Write down what is said until the meeting is over; answer when spoken to."""
    meeting = call.metadata.get("meeting")
    async for at, words in words_of(call):
        logger.info("said", call=call.id, meeting=meeting, at=at, words=words)
        call.note(said=words)
        for sound in answer(words):
            await call.play(SOUNDS / f"{sound}.wav")


def answer(words: str) -> list[str]:
    """Return the sounds that answer what was said: none unless it was said to us."""
    if not NAME.search(words):
        return []
    if TIME.search(words):
        return spoken(datetime.now().astimezone().time())
    return ["sorry"]
