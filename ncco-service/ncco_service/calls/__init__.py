"""Calls that we start and steer: the Voice API's client, pacing, meetings.

Public: `Calls`; the bodies that operators send (`NewCall`, `Bot`, `SpokenText`, `Sound`,
`Keys`, `Transfer`); `HANG_UP`, the body that ends a call; `VoiceApi`, `Bodies` and
`Signals`, of which calls are made, and `Journal`, which keeps keys and meetings over a restart;
`EVENT_FIELDS`, the fields of an event that calls use; `PATTERNS`, what texts must be, in words.
"""

from ncco_service.calls.bodies import Bodies, Signals
from ncco_service.calls.bots import HANG_UP
from ncco_service.calls.calls import EVENT_FIELDS, Calls
from ncco_service.calls.journal import Journal
from ncco_service.calls.requests import PATTERNS, Bot, Keys, NewCall, Sound, SpokenText, Transfer
from ncco_service.calls.voice_api import VoiceApi

__all__ = [
    "EVENT_FIELDS",
    "HANG_UP",
    "PATTERNS",
    "Bodies",
    "Bot",
    "Calls",
    "Journal",
    "Keys",
    "NewCall",
    "Signals",
    "Sound",
    "SpokenText",
    "Transfer",
    "VoiceApi",
]
