"""Conversations: members who come and go, of several rates; music, recordings, rooms."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from phone.audio import load, recognise
from phone.audio.tape import Tape
from phone.constants import FRAMES_PER_SECOND
from phone.legs.telephone import Callee, Telephone
from phone.platform.mixing.conversation import Conversation, ConversationFull, Member
from phone.platform.network import Network
from phone.testing import FakeApplication
from platform_api import Client, registration, soon, token

NUMBERS = [f"4477009007{number:02}" for number in range(10)]


class Voice:
    """Says one loud sample after the other, different from everyone else's; keeps what it hears.

    Args:
        level: of its samples.
        rate: Hz of its own; None: any.

    """

    def __init__(self, level: int, rate: int | None = None) -> None:
        self.rate = rate
        self.level = level
        self.heard: list[bytes | None] = []
        self.keys: list[str] = []
        self.presses: list[str] = []

    def pressed(self) -> list[str]:
        """Return its keys."""
        keys, self.presses = self.presses, []
        return keys

    def speak(self, rate: int, _: float) -> bytes | None:
        """Return a constant."""
        return np.full(rate // 50, self.level, "<i2").tobytes() if self.level else None

    def hear(self, frame: bytes | None, _: int, __: float) -> None:
        """Keep it."""
        self.heard.append(frame)

    def hear_key(self, digit: str) -> None:
        """Keep it."""
        self.keys.append(digit)


def level(frame: bytes | None) -> int | None:
    """Return the level of a constant frame."""
    return None if frame is None else int(np.frombuffer(frame, "<i2")[-1])


async def test_three() -> None:
    """Each hears the others; a muted one is heard by nobody; the late are silent."""
    conversation = Conversation()
    voices = [Voice(1), Voice(10), Voice(0)]
    members = [Member(str(place), voice) for place, voice in enumerate(voices)]
    for member in members:
        conversation.join(member)
    conversation.tick(0.0)
    assert [level(voice.heard[-1]) for voice in voices] == [10, 1, 11]
    members[0].muted = True
    conversation.tick(0.02)
    assert [level(voice.heard[-1]) for voice in voices] == [10, None, 10]
    members[0].muted = False
    members[2].can_hear = frozenset("0")
    members[1].can_speak = frozenset()
    conversation.tick(0.04)
    assert [level(voice.heard[-1]) for voice in voices] == [None, 1, 1]
    voices[0].presses = ["5"]
    conversation.tick(0.06)
    assert [voice.keys for voice in voices] == [[], ["5"], ["5"]]
    for member in members:
        conversation.leave(member.uuid)


async def test_rates() -> None:
    """Sockets of several rates hear each other: the highest rate is the conversation's."""
    conversation = Conversation()
    narrow, wide, telephone = Voice(1000, 8000), Voice(2000, 24000), Voice(4000)
    for place, voice in enumerate((narrow, wide, telephone)):
        conversation.join(Member(str(place), voice))
    assert conversation.rate == 24000
    for number in range(10):
        conversation.tick(number * 0.02)
    for voice, size, sound in ((narrow, 320, 6000), (wide, 960, 5000), (telephone, 960, 3000)):
        assert len(voice.heard[-1] or b"") == size
        assert abs((level(voice.heard[-1]) or 0) - sound) < 20  # a filter's ripple
    for place in range(3):
        conversation.leave(str(place))


async def test_full() -> None:
    """The fifty-first member is refused."""
    conversation = Conversation()
    for number in range(50):
        conversation.join(Member(str(number), Voice(0)))
    with pytest.raises(ConversationFull, match="50 members"):
        conversation.join(Member("50", Voice(0)))
    for number in range(50):
        conversation.leave(str(number))


async def test_clock() -> None:
    """The clock is absolute: in a second there are 50 ticks, whatever a tick takes."""
    conversation = Conversation()
    voice = Voice(1)
    loop = asyncio.get_running_loop()
    begin = loop.time()

    def due() -> float:
        return (loop.time() - begin) * FRAMES_PER_SECOND

    conversation.join(Member("1", voice))
    await asyncio.sleep(1.01)
    await soon(lambda: conversation.ticks >= due() - 2)  # late ticks follow at once
    conversation.leave("1")
    assert conversation.ticks <= due() + 2
    assert len(voice.heard) == conversation.ticks


def cost(members: int) -> float:
    """Return the processor's milliseconds for a tick, each member speaking at 16 kHz."""

    async def run() -> float:
        conversation = Conversation()
        for number in range(members):
            conversation.join(Member(str(number), Voice(number + 1, 16000)))
        begin = process_time()
        for number in range(200):
            conversation.tick(number * 0.02)
        spent = (process_time() - begin) * 1000 / 200
        for number in range(members):
            conversation.leave(str(number))
        return spent

    return asyncio.run(run())


def test_cost_of_a_member() -> None:
    """Fifty members fit a core with room to spare, and one more costs what the one before did."""
    few, many = min(cost(10) for _ in range(3)), min(cost(50) for _ in range(3))
    assert many < 10  # of the 20 ms that a tick has
    assert many / 50 < 1.5 * few / 10


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """Return a network with ten subscribers, who answer at once."""
    callees = {number: Callee(answer_after=0) for number in NUMBERS}
    async with Network(registration(), callees=callees, talk="realtime") as network:
        yield network


@pytest.fixture
async def client(network: Network) -> AsyncIterator[Client]:
    """Return a client of the network's API."""
    async with aiohttp.ClientSession() as session:
        yield Client(network.url, session)


def room(**fields: Any) -> list[dict[str, Any]]:
    """Return an NCCO that leads into a room."""
    return [{"action": "conversation", "name": "standup", **fields}]


async def enter(
    network: Network, client: Client, number: str, **fields: Any
) -> tuple[str, Telephone]:
    """Let somebody enter the room; return their call and telephone."""
    network.switch.new_calls._taken.clear()  # a limit that other tests hold
    call = await client.create({"type": "phone", "number": number}, ncco=room(**fields))
    leg = network.switch.legs[call]
    await soon(lambda: leg.conversation is not None and leg.conversation.name == "standup")
    telephone = network.telephone(number)
    assert telephone is not None
    return call, telephone


class TestRooms:
    """The action `conversation`."""

    async def test_three_people(self, network: Network, client: Client) -> None:
        """Each hears the sum of the other two, to the bit, and nothing of their own."""
        people = [(await enter(network, client, number))[1] for number in NUMBERS[:3]]
        before = [len(person.tape.samples()) for person in people]
        tone = load("tone", 16000).samples
        people[0].say("tone")
        await people[0].quiet.wait()

        def heard() -> list[bytes]:
            tapes = zip(people, before, strict=True)
            return [person.tape.samples()[start:].tobytes() for person, start in tapes]

        await soon(lambda: all(tone.tobytes() in other for other in heard()[1:]))
        assert not any(heard()[0])
        conversation = network.room("standup")
        assert len(conversation.members) == 3

    async def test_start_and_end(self, network: Network, client: Client, tmp_path: Path) -> None:
        """Music plays until the moderator comes; when they go, everybody's call ends."""
        wav = tmp_path / "hold.wav"
        music = load("tone", 16000).samples[:8000]
        soundfile.write(wav, music, 16000, subtype="PCM_16")
        async with FakeApplication(files={"hold.wav": wav.read_bytes()}) as application:
            hold = {"startOnEnter": False, "musicOnHoldUrl": [application.file_url("hold.wav")]}
            guest, attendee = await enter(network, client, NUMBERS[0], **hold)
            other, second = await enter(network, client, NUMBERS[1], startOnEnter=False)
            beginning = music[640:3200].tobytes()
            tapes = (attendee.tape, second.tape)
            await soon(lambda: all(beginning in tape.samples().tobytes() for tape in tapes))
            attendee.say("tone")
            moderator, third = await enter(network, client, NUMBERS[2], endOnExit=True)
            await attendee.quiet.wait()
            await client.ask("PUT", f"/v1/calls/{moderator}", {"action": "hangup"})
            await soon(lambda: all(network.switch.legs[c].has_ended for c in (guest, other)))
        rest = load("tone", 16000).samples[48000:64000].tobytes()
        assert rest in third.tape.samples().tobytes()
        assert rest in second.tape.samples().tobytes()

    async def test_transfer_event(self, network: Network, client: Client) -> None:
        """An event without a status tells that a leg is in the room; a bot is invited on it."""
        async with FakeApplication() as application:
            call = await client.create(
                {"type": "phone", "number": NUMBERS[0]},
                ncco=room(),
                event_url=[application.event_url],
            )
            await soon(lambda: any("conversation_uuid_to" in e for e in application.events))
            moved = next(e for e in application.events if "conversation_uuid_to" in e)
            assert moved["type"] == "transfer"
            assert "status" not in moved
            assert moved["uuid"] == call
            assert moved["conversation_uuid_to"] == network.room("standup").uuid
            bot = {"type": "websocket", "uri": application.socket_url}
            await client.create(bot, ncco=room(), event_url=[application.event_url])
            await soon(lambda: len(network.room("standup").members) == 2)
            person = network.telephone(NUMBERS[0])
            assert person is not None
            person.say("tone")
            await soon(lambda: person.hears("tone").found)  # the bot is an echo

    async def test_listen_only(self, network: Network, client: Client) -> None:
        """A bot with an empty canSpeak hears, and is not heard."""
        async with FakeApplication() as application:
            _, person = await enter(network, client, NUMBERS[0])
            bot = {"type": "websocket", "uri": application.socket_url}
            await client.create(bot, ncco=room(canSpeak=[]))
            await soon(lambda: len(network.room("standup").members) == 2)
            person.say("tone")
            await person.quiet.wait()
            await asyncio.sleep(0.2)
            assert not person.tape.samples().any()

    async def test_moved_by_transfer(self, network: Network, client: Client) -> None:
        """The action `transfer` moves a leg into a conversation by its uuid."""
        _, first = await enter(network, client, NUMBERS[0])
        target = network.room("standup").uuid
        move = [{"action": "transfer", "conversationId": target}]
        await client.create({"type": "phone", "number": NUMBERS[1]}, ncco=move)
        await soon(lambda: len(network.room("standup").members) == 2)
        second = network.telephone(NUMBERS[1])
        assert second is not None
        second.say("tone")
        await soon(lambda: first.hears("tone").found)


class TestRecording:
    """The action `record`."""

    @pytest.mark.parametrize("kind", ["wav", "mp3", "ogg"])
    async def test_served(
        self, network: Network, client: Client, tmp_path: Path, kind: str
    ) -> None:
        """A recording is told by an event, and served to who has the application's token."""
        network.subscribe(NUMBERS[0], Callee(answer_after=0, say="tone", hang_up_after=2.0))
        async with FakeApplication() as application:
            record = {"action": "record", "format": kind, "eventUrl": [application.event_url]}
            await client.create(
                {"type": "phone", "number": NUMBERS[0]},
                ncco=[record, {"action": "wait", "timeout": 30}],
            )
            await soon(lambda: any("recording_url" in event for event in application.events))
            told = next(event for event in application.events if "recording_url" in event)
        headers = {"Authorization": f"Bearer {token()}"}
        async with client.session.get(told["recording_url"], headers=headers) as reply:
            assert reply.status == 200
            data = await reply.read()
        assert len(data) == told["size"]
        file = tmp_path / f"recording.{kind}"
        file.write_bytes(data)
        samples, rate = soundfile.read(file, dtype="int16")
        assert 1.5 < len(samples) / rate < 2.5
        if kind == "wav":
            assert load("tone", 16000).samples[3200:16000].tobytes() in samples.tobytes()
        async with client.session.get(told["recording_url"]) as reply:
            assert reply.status == 401

    @pytest.mark.parametrize(
        "end", [{"endOnKey": "#"}, {"endOnSilence": 3}, {"timeOut": 3}], ids=str
    )
    async def test_ends(self, network: Network, client: Client, end: dict[str, Any]) -> None:
        """A key, silence or time ends it, and the NCCO goes on."""
        network.subscribe(NUMBERS[0], Callee(answer_after=0, keys="#@0.5"))
        async with FakeApplication() as application:
            record = {"action": "record", "eventUrl": [application.event_url], **end}
            await client.create(
                {"type": "phone", "number": NUMBERS[0]},
                ncco=[record, {"action": "wait", "timeout": 0.1}],
                event_url=[application.event_url],
            )
            await soon(lambda: "completed" in application.statuses())
            assert any("recording_url" in event for event in application.events)


async def test_room_is_recorded(network: Network, client: Client) -> None:
    """A conversation with `record` records everybody in it, and tells of it at the end."""
    async with FakeApplication() as application:
        record = {"record": True, "eventUrl": [application.event_url]}
        moderator, _ = await enter(network, client, NUMBERS[0], **record)
        _, other = await enter(network, client, NUMBERS[1])
        other.say("tone")
        await other.quiet.wait()
        await client.ask("PUT", f"/v1/calls/{moderator}", {"action": "hangup"})
        await soon(lambda: any("recording_url" in event for event in application.events))
    (recording,) = network.switch.recordings.values()
    samples, rate = soundfile.read(io.BytesIO(recording.data), dtype="int16")
    assert recognise(load("tone", rate).samples, samples, rate).found  # an MP3 is not exact


def test_tape_is_bounded() -> None:
    """A tape keeps what it may, and counts the rest; rates may change on the way."""
    tape = Tape(seconds=0.06)
    tape.add(np.full(320, 1000, "<i2").tobytes(), 16000)
    tape.add(None, 16000)
    tape.add(np.full(160, 1000, "<i2").tobytes(), 8000)
    tape.add(None, 8000)
    assert (tape.seconds, tape.left_out) == (0.06, 1)
    samples = tape.samples(16000)
    assert len(samples) == 960
    assert not samples[330:630].any()
