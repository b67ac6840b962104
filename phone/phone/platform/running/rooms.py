"""The action `conversation`: named rooms, with music until they start, and who hears whom."""

import asyncio

from phone.audio.files import AudioError, decode_stream
from phone.constants import CONNECT_TIMEOUT, EVENT_TIMEOUT, PLATFORM_RATE, STREAM_MAX_BYTES
from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation
from phone.platform.ncco.actions import Join
from phone.platform.webhooks.client import Timeouts
from phone.platform.webhooks.exchange import WebhookError

__all__ = ["enter_room"]

DOWNLOAD = Timeouts(CONNECT_TIMEOUT, EVENT_TIMEOUT)


async def enter_room(leg: Leg, action: Join) -> Conversation:
    """Return the room that the action names, ready for the leg to join."""
    room = leg.call.directory.room(action.name)
    member = leg.member
    member.muted = action.mute
    member.can_speak = None if action.can_speak is None else frozenset(action.can_speak)
    member.can_hear = None if action.can_hear is None else frozenset(action.can_hear)
    member.ends_conversation = action.end_on_exit
    member.end = leg.hang_up
    leg.call.log.add("conversation", action.name)
    if action.music_on_hold_url and not room.started and not action.start_on_enter:
        await _hold(leg, room, action.music_on_hold_url[0])
    if action.start_on_enter:
        room.start()
    return room


async def _hold(leg: Leg, room: Conversation, url: str) -> None:
    try:
        data = await leg.call.webhooks.download(url, DOWNLOAD, STREAM_MAX_BYTES)
        music, _ = await asyncio.to_thread(decode_stream, data, PLATFORM_RATE)
    except (WebhookError, AudioError) as error:
        advice = "give an MP3, or a WAV file of 16 bit"
        leg.call.problem("stream", f"music on hold from {url}: {error}", advice, "warning")
    else:
        room.hold(music)
