"""Reminds whoever answers: AUDIO_HANDLER=reminder.handler:remind

It says who calls and why, and waits for a key: 1 confirms, 2 asks for another call. To an answering
machine it leaves a message after the beep. How it ended is logged, and told to REMINDER_WEBHOOK.
"""

from __future__ import annotations

import math
from pathlib import Path

from echo_service.handlers import Answered, AudioCall, CallEnded, Connected, Dtmf, Machine
from echo_service.logs import get_logger

from .webhook import tell

__all__ = ["remind"]

logger = get_logger(__name__)

SOUNDS = Path(__file__).parent / "sounds"
ANSWERS = {"1": "confirmed", "2": "later"}
LAST_WORDS = {
    "confirmed": "confirmed.wav",
    "later": "later.wav",
    "no answer": "goodbye.wav",
    "message left": "message.wav",
}

ANSWER_SECONDS = 10.0
"""How long a person has for a key, once everything was said."""
BEEP_SECONDS = 30.0
"""How long a machine has for its greeting."""


async def remind(call: AudioCall) -> None:
    """Talk with one person, or leave a message; tell how it ended."""
    result = "hung up"
    try:
        result = await _answer(call)
        if words := LAST_WORDS.get(result):
            last = await call.play(SOUNDS / words, replace=True)
            if not await last.wait() and result == "message left":
                result = "hung up"
    except CallEnded:
        pass
    if call.moved:
        return  # it goes on in another process
    logger.info("reminded", call=call.id, result=result)
    call.note(result=result)
    try:
        await call.in_thread(tell, str(call.metadata.get("to")), call.id, result)
    except OSError as error:
        logger.warning("webhook_failed", call=call.id, error=error)


async def _answer(call: AudioCall) -> str:
    """Say why we call; return what came of it."""
    patience, spoke, silent = ANSWER_SECONDS, math.inf, "no answer"
    async for at, event in call:
        match event:
            case Connected() if call.resumed:
                spoke = at  # it was said before the call was moved
            case Connected() if "answered_key" in call.metadata:
                pass  # it still rings
            case Connected() | Answered():
                await call.play(SOUNDS / "reminder.wav")
                spoke = at
            case Machine(beep=True):
                return "message left"
            case Machine():
                await call.clear()
                patience, spoke, silent = BEEP_SECONDS, at, "no beep"
            case Dtmf(digit=digit):
                if digit in ANSWERS:
                    return ANSWERS[digit]
                await call.play(SOUNDS / "reminder.wav", replace=True)
            case bytes():
                if call.ahead:
                    spoke = at
                elif at - spoke > patience:
                    return silent
    return "hung up"
