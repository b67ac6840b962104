"""The action `conversation`: named rooms, with music until they start, and who hears whom."""

from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation
from phone.platform.ncco.actions import Join
from phone.platform.running.music import fetch_music

__all__ = ["enter_room"]


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
        music = await fetch_music(leg, action.music_on_hold_url[0], "music on hold")
        if music is not None:
            room.hold(music)
    if action.start_on_enter:
        room.start()
    return room
