"""Writes down what the caller says: AUDIO_HANDLER=transcription.handler:transcribe

Each phrase is logged as soon as it is over, and shown with the live calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from echo_service.handlers import AudioCall
from echo_service.logs import get_logger
from speech.ear import Ear, Phrase
from speech.whisper import RATE, write_down

__all__ = ["transcribe", "words_of"]

logger = get_logger(__name__)

WAITING = 8
"""Phrases that may wait for the recogniser; then the oldest is given up."""


async def transcribe(call: AudioCall) -> None:
    """Log what is said."""
    async for at, words in words_of(call):
        logger.info("said", call=call.id, at=at, words=words)
        call.note(said=words)


async def words_of(call: AudioCall) -> AsyncIterator[tuple[float, str]]:
    """Yield what the caller says, phrase by phrase, and the second of the call where it ended."""
    if call.rate != RATE:
        raise ValueError(f"Whisper listens at {RATE} Hz; set content-type in the NCCO")
    phrases: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue(WAITING)

    async def listen() -> None:
        ear, at = Ear(RATE), 0.0
        try:
            async for at, event in call:
                if isinstance(event, bytes):
                    for heard in ear.feed(event):
                        if isinstance(heard, Phrase):
                            _put(phrases, (at, heard.pcm))
            for heard in ear.end():
                _put(phrases, (at, heard.pcm))
        finally:
            await phrases.put(None)

    # Recognising takes longer than a frame, so frames are taken meanwhile.
    listening = asyncio.create_task(listen())
    try:
        while phrase := await phrases.get():
            at, pcm = phrase
            if words := await call.in_thread(write_down, pcm):
                yield at, words
        await listening
    finally:
        listening.cancel()


def _put(phrases: asyncio.Queue[tuple[float, bytes] | None], phrase: tuple[float, bytes]) -> None:
    if phrases.full():
        phrases.get_nowait()
    phrases.put_nowait(phrase)
