"""The simulated network: calls through its API, callees, sockets, rooms."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from aiohttp import web
from phone.audio import load, recognise
from phone.legs.assumptions import Assumptions
from phone.legs.telephone import Callee, Telephone
from phone.platform.network import Network
from phone.testing import FakeApplication, closes_after, json_of
from platform_api import OWN, Client, registration, soon

ANNE, BOB = "447700900789", "447700900790"
PHONE = {"type": "phone", "number": ANNE}
TALK = [{"action": "talk", "text": "Hello."}]


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """Return a network with Anne, who answers and stays."""
    problems: list[str] = []
    callees = {ANNE: Callee(answer_after=0.05)}
    async with Network(
        registration(),
        callees=callees,
        talk="realtime",
        on_problem=lambda problem: problems.append(problem.seen),
    ) as network:
        network.problems = problems  # type: ignore[attr-defined]  # for the tests that look
        yield network
    assert not [seen for seen in problems if "fault of the phone" in seen]


@pytest.fixture
async def client(network: Network) -> AsyncIterator[Client]:
    """Return a client of the network's API."""
    async with aiohttp.ClientSession() as session:
        yield Client(network.url, session)


def wait(seconds: float = 30) -> list[dict[str, Any]]:
    """Return an NCCO that keeps the line open."""
    return [{"action": "wait", "timeout": seconds}]


async def answered(network: Network, number: str) -> Telephone:
    """Wait until somebody has answered; return their telephone."""
    await soon(lambda: network.telephone(number))
    telephone = network.telephone(number)
    assert telephone is not None
    await telephone.answered.wait()
    return telephone


def without_gaps(telephone: Telephone) -> bytes:
    """Return what was heard, without the frames in which nothing had come over a socket in time."""
    heard = telephone.tape.samples()
    frames = heard[: len(heard) // 320 * 320].reshape(-1, 320)
    return frames[frames.any(axis=1)].tobytes()


class TestCalls:
    """Calls to telephones."""

    async def test_create_and_end(self, network: Network, client: Client) -> None:
        """A call rings, is answered, runs its NCCO, and ends; its events say so in order."""
        began = time.monotonic()
        async with FakeApplication() as application:
            call = await client.create(
                PHONE, ncco=wait(0.3), event_url=[application.event_url], ringing_timer=60
            )
            await soon(lambda: application.statuses() and application.statuses()[-1] == "completed")
            events = application.events
        assert application.statuses() == ["started", "ringing", "answered", "completed"]
        assert {event["uuid"] for event in events} == {call}
        assert {event["direction"] for event in events} == {"outbound"}
        assert {(event["from"], event["to"]) for event in events} == {(OWN, ANNE)}
        assert events[-1]["disconnected_by"] == "platform"
        status, answer = await client.ask("GET", f"/v1/calls/{call}")
        assert status == 200
        assert answer["status"] == "completed"
        assert answer["to"] == PHONE
        assert answer["_links"]["self"]["href"] == f"/calls/{call}"
        assert 0 <= int(answer["duration"]) <= round(time.monotonic() - began)

    async def test_answer_url(self, network: Network, client: Client) -> None:
        """The answer URL is asked when the callee has answered, with the fields of a webhook."""
        async with FakeApplication(ncco=wait(0.1)) as application:
            call = await client.create(PHONE, answer_url=[application.answer_url])
            await soon(lambda: application.answered)
        (fields,) = application.answered
        assert fields["uuid"] == call
        assert (fields["from"], fields["to"]) == (OWN, ANNE)
        assert fields["conversation_uuid"].startswith("CON-")

    async def test_hang_up(self, network: Network, client: Client) -> None:
        """The API hangs a call up; afterwards it is not there to be steered."""
        call = await client.create(PHONE, ncco=wait())
        await answered(network, ANNE)
        assert await client.ask("PUT", f"/v1/calls/{call}", {"action": "hangup"}) == (204, None)
        await soon(lambda: network.switch.legs[call].has_ended)
        assert await client.status(call) == "completed"
        status, answer = await client.ask("PUT", f"/v1/calls/{call}", {"action": "hangup"})
        assert (status, answer["type"]) == (404, "NOT_FOUND")

    async def test_callee_hangs_up(self, network: Network, client: Client) -> None:
        """When the callee hangs up, the call ends by the user."""
        network.subscribe(ANNE, Callee(answer_after=0, hang_up_after=0.2))
        async with FakeApplication() as application:
            await client.create(PHONE, ncco=wait(), event_url=[application.event_url])
            await soon(lambda: "completed" in application.statuses())
            assert application.events[-1]["disconnected_by"] == "user"

    @pytest.mark.parametrize(
        ("callee", "status", "detail"),
        [
            (Callee("busy", answer_after=0.05), "busy", None),
            (Callee("reject", answer_after=0.05), "rejected", "declined"),
            (Callee("no-answer"), "timeout", None),
            (None, "timeout", None),
        ],
    )
    async def test_not_answered(
        self,
        network: Network,
        client: Client,
        callee: Callee | None,
        status: str,
        detail: str | None,
    ) -> None:
        """Who does not answer ends the call with a status of its own; nobody's number rings out."""
        if callee is not None:
            network.subscribe(BOB, callee)
        async with FakeApplication() as application:
            call = await client.create(
                {"type": "phone", "number": BOB},
                ncco=TALK,
                event_url=[application.event_url],
                ringing_timer=1,
            )
            await soon(lambda: application.statuses()[2:])
            assert application.statuses() == ["started", "ringing", status]
            assert application.events[-1].get("detail") == detail
        assert await client.status(call) == status

    async def test_keys(self, network: Network, client: Client) -> None:
        """Keys sent by the API are heard; those that the callee presses answer an input."""
        network.subscribe(ANNE, Callee(answer_after=0, keys="4@0.3,2@0.4,#@0.5"))
        async with FakeApplication() as application:
            ask = {
                "action": "input",
                "type": ["dtmf"],
                "dtmf": {"submitOnHash": True, "timeOut": 5},
                "eventUrl": [application.event_url],
            }
            called = PHONE | {"dtmfAnswer": "9p9"}
            call = await client.create(called, ncco=[ask, *wait()])
            await soon(lambda: any("dtmf" in event for event in application.events))
            told = next(event for event in application.events if "dtmf" in event)
            status, answer = await client.ask("PUT", f"/v1/calls/{call}/dtmf", {"digits": "1p2#"})
            assert (status, answer) == (200, {"message": "DTMF sent", "uuid": call})
            telephone = network.telephone(ANNE)
            assert telephone is not None
            await soon(lambda: telephone.keys_heard == ["9", "9", "1", "2", "#"])
        assert told["dtmf"] == {"digits": "42", "timed_out": False}

    async def test_asynchronous_input(self, network: Network, client: Client) -> None:
        """An asynchronous input tells of each key; the API may send them elsewhere, and stop it."""
        async with FakeApplication() as application:
            ask = {
                "action": "input",
                "type": ["dtmf"],
                "mode": "asynchronous",
                "eventUrl": [application.event_url],
            }
            call = await client.create(PHONE, ncco=[ask, *wait()])
            await soon(lambda: network.telephone(ANNE))
            telephone = network.telephone(ANNE)
            assert telephone is not None
            await telephone.answered.wait()
            await soon(lambda: network.switch.legs[call].async_input)
            telephone.press("7")
            await soon(lambda: any("dtmf" in event for event in application.events))
            path = f"/v1/calls/{call}/input/dtmf"
            status, _ = await client.ask("PUT", path, {"event_url": [application.answer_url]})
            assert status == 200
            telephone.press("8")
            await soon(lambda: application.answered)
            assert (await client.ask("DELETE", path))[0] == 200
            assert (await client.ask("DELETE", path))[0] == 409


class TestSound:
    """What is said is heard."""

    async def test_talk_and_stream(self, network: Network, client: Client, tmp_path: Path) -> None:
        """A stream is heard by the callee, as often as asked, until it is stopped."""
        keep = tmp_path / "heard.wav"
        network.subscribe(ANNE, Callee(answer_after=0, keep=keep))
        wav = tmp_path / "it.wav"
        glide = load("tone", 16000).samples[:16000]
        soundfile.write(wav, glide, 16000, subtype="PCM_16")
        async with FakeApplication(files={"it.wav": wav.read_bytes()}) as application:
            call = await client.create(PHONE, ncco=wait())
            await answered(network, ANNE)
            body = {"stream_url": [application.file_url("it.wav")], "loop": 0}
            status, answer = await client.ask("PUT", f"/v1/calls/{call}/stream", body)
            assert (status, answer["message"]) == (200, "Stream started")
            anne = network.telephone(ANNE)
            assert anne is not None
            # It is played two and a half times, and then there is silence.
            await soon(lambda: np.count_nonzero(anne.tape.samples()) > 2.4 * len(glide))
            status, answer = await client.ask("DELETE", f"/v1/calls/{call}/stream")
            assert (status, answer["message"]) == (200, "Stream stopped")
            await soon(lambda: not anne.tape.samples()[-4800:].any())
            talk = {"text": "Good bye.", "language": "en-GB"}
            assert (await client.ask("PUT", f"/v1/calls/{call}/talk", talk))[0] == 200
            assert (await client.ask("DELETE", f"/v1/calls/{call}/talk"))[0] == 200
            await client.ask("PUT", f"/v1/calls/{call}", {"action": "hangup"})
            await soon(keep.exists)
        samples, rate = soundfile.read(keep, dtype="int16")
        assert rate == 16000
        assert recognise(glide, samples, rate).found
        assert glide[3200:6400].tobytes() in samples.tobytes()  # to the bit
        assert not samples[-1600:].any()

    async def test_two_telephones(self, network: Network, client: Client) -> None:
        """A connect joins two telephones; each hears the other's words, to the bit."""
        network.subscribe(ANNE, Callee(answer_after=0, say="speech"))
        network.subscribe(BOB, Callee(answer_after=0, say="tone", hang_up_after=3))
        connect = {"action": "connect", "endpoint": [{"type": "phone", "number": BOB}]}
        async with FakeApplication() as application:
            await client.create(PHONE, ncco=[connect], event_url=[application.event_url])
            await soon(lambda: application.statuses().count("completed") == 2)
            legs = {event["to"]: event for event in application.events}
        assert legs[ANNE]["conversation_uuid"] == legs[BOB]["conversation_uuid"]
        assert (legs[BOB]["disconnected_by"], legs[ANNE]["disconnected_by"]) == ("user", "platform")
        anne, bob = network.telephone(ANNE), network.telephone(BOB)
        assert anne is not None
        assert bob is not None
        tone = load("tone", 16000).samples[:32000]
        assert tone.tobytes() in anne.tape.samples().tobytes()
        assert bob.hears("speech").at < 1 or bob.hears("speech").likeness > 0.9

    async def test_socket_first(self, network: Network, client: Client) -> None:
        """A socket is called first; the person is rung from there, and hears its first word."""
        network.subscribe(ANNE, Callee(answer_after=0.3, say="tone", hang_up_after=2.5))
        async with FakeApplication() as application:
            socket = {
                "type": "websocket",
                "uri": application.socket_url,
                "content-type": "audio/l16;rate=16000",
                "headers": {"order": "socket-first"},
            }
            connect = {"action": "connect", "from": OWN, "endpoint": [PHONE]}
            call = await client.create(socket, ncco=[connect], event_url=[application.event_url])
            await soon(lambda: "answered" in application.statuses(ANNE))
            assert (await client.ask("PUT", f"/v1/calls/{call}/dtmf", {"digits": "8"}))[0] == 200
            await soon(lambda: application.statuses("ws").count("completed"))
            assert "disconnected" not in application.statuses()
            texts = application.texts
        assert json_of(texts) == [
            {
                "event": "websocket:connected",
                "content-type": "audio/l16;rate=16000",
                "order": "socket-first",
            },
            {"event": "websocket:dtmf", "digit": "8", "duration": 260},
        ]
        assert application.handshakes[0].headers.get("Authorization") is None
        anne = network.telephone(ANNE)
        assert anne is not None
        tone = load("tone", 16000).samples[:16000]
        assert tone.tobytes() in without_gaps(anne)  # her first words, echoed whole
        legs = network.switch.legs
        assert legs[call].events.headers == {"order": "socket-first"}

    async def test_socket_that_fails(self, network: Network, client: Client) -> None:
        """A socket that does not open ends the call as failed."""
        async with FakeApplication() as application:
            socket = {"type": "websocket", "uri": "ws://127.0.0.1:9/socket"}
            call = await client.create(socket, ncco=wait(), event_url=[application.event_url])
            await soon(lambda: "failed" in application.statuses())
        assert await client.status(call) == "failed"

    async def test_application_closes(self, network: Network, client: Client) -> None:
        """A socket that the application closes is disconnected; the API's hang-up is not."""
        async with FakeApplication(closes_after(10)) as application:
            socket = {"type": "websocket", "uri": application.socket_url}
            await client.create(socket, ncco=wait(), event_url=[application.event_url])
            await soon(lambda: "completed" in application.statuses())
            assert application.statuses()[-2:] == ["disconnected", "completed"]


class TestInbound:
    """Somebody calls the application."""

    async def test_dial(self) -> None:
        """A caller reaches the application's socket, and hears its echo."""
        async with FakeApplication() as application:
            hooks = {"answer_url": application.answer_url, "event_url": application.event_url}
            async with Network(registration(webhooks=hooks), talk="at-once") as network:
                person = network.dial(OWN, caller=ANNE)
                await soon(lambda: "answered" in application.statuses("ws"))
                person.say("tone")
                await person.quiet.wait()
                await soon(lambda: person.hears("tone").found)
                person.hang_up()
                await soon(lambda: application.statuses().count("completed") == 2)
            assert application.answered[0]["from"] == ANNE
            assert [e["disconnected_by"] for e in application.events if "end_time" in e] == [
                "platform",
                "user",
            ]

    async def test_a_burst_is_heard_whole(self) -> None:
        """What a socket sends at once is heard frame after frame, without a silent one between."""
        frames = [bytes([number + 1]) * 640 for number in range(51)]

        async def burst(socket: web.WebSocketResponse) -> None:
            for _ in range(10):
                await socket.receive()
            for frame in frames:
                await socket.send_bytes(frame)
            async for _ in socket:
                pass

        async with FakeApplication(burst) as application:
            hooks = {"answer_url": application.answer_url, "event_url": application.event_url}
            free = Assumptions(connects="free")
            async with Network(
                registration(webhooks=hooks), talk="at-once", assume=free
            ) as network:
                people = [network.dial(OWN, caller=str(int(ANNE) + n)) for n in range(8)]
                last = np.frombuffer(frames[-1], "<i2")[0]
                await soon(lambda: all(last in person.tape.samples() for person in people))
                heard = [person.tape.samples() for person in people]
        for samples in heard:
            sound = np.trim_zeros(samples)
            assert sound.astype("<i2").tobytes() == b"".join(frames)


class TestSteering:
    """Calls under way."""

    async def test_mute_and_earmuff(self, network: Network, client: Client) -> None:
        """A muted leg is not heard, an earmuffed one hears nothing, until that is undone."""
        network.subscribe(BOB, Callee(answer_after=0))
        connect = {"action": "connect", "endpoint": [{"type": "phone", "number": BOB}]}
        call = await client.create(PHONE, ncco=[connect])
        await answered(network, BOB)
        anne, bob = network.telephone(ANNE), network.telephone(BOB)
        assert anne is not None
        assert bob is not None

        async def loud(speaker: Any, hearer: Any) -> bool:
            before = len(hearer.tape.samples())
            speaker.say("tone")
            await speaker.quiet.wait()
            await asyncio.sleep(0.1)  # for the last frame
            return bool(hearer.tape.samples()[before:].any())

        async def steer(action: str) -> None:
            assert (await client.ask("PUT", f"/v1/calls/{call}", {"action": action}))[0] == 204

        await steer("mute")
        assert not await loud(anne, bob)
        await steer("unmute")
        await steer("earmuff")
        assert await loud(anne, bob)
        assert not await loud(bob, anne)
        await steer("unearmuff")
        assert await loud(bob, anne)

    @pytest.mark.parametrize("by_url", [False, True])
    async def test_transfer(self, network: Network, client: Client, by_url: bool) -> None:
        """A transfer replaces what runs: by an NCCO, or by that of a URL."""
        async with FakeApplication(ncco=wait(0.2)) as application:
            call = await client.create(PHONE, ncco=wait(), event_url=[application.event_url])
            await soon(lambda: network.switch.legs[call].transfer)
            destination: dict[str, Any] = {"type": "ncco"}
            destination |= {"url": [application.answer_url]} if by_url else {"ncco": wait(0.2)}
            body = {"action": "transfer", "destination": destination}
            assert await client.ask("PUT", f"/v1/calls/{call}", body) == (204, None)
            await soon(lambda: "completed" in application.statuses())
            moved = next(e for e in application.events if e.get("type") == "transfer")
        assert moved["uuid"] == call
        assert moved["conversation_uuid_from"] != moved["conversation_uuid_to"]
        assert bool(application.answered) == by_url


class TestMachines:
    """Answering machines."""

    @pytest.mark.parametrize("behavior", ["continue", "hangup"])
    async def test_machine(self, network: Network, client: Client, behavior: str) -> None:
        """A machine is told, with its beep; a call to one is hung up when that is wanted."""
        network.subscribe(ANNE, Callee("machine", answer_after=0))
        async with FakeApplication() as application:
            detection = {"behavior": behavior, "mode": "detect_beep", "beep_timeout": 45}
            call = await client.create(
                PHONE,
                ncco=wait(),
                event_url=[application.event_url],
                advanced_machine_detection=detection,
            )
            last = "completed" if behavior == "hangup" else "machine"
            count = 2 if behavior == "continue" else 1
            await soon(lambda: application.statuses().count(last) == count)
            told = [event for event in application.events if event["status"] == "machine"]
        assert told[0]["call_uuid"] == call
        assert "uuid" not in told[0]
        assert [event.get("sub_state") for event in told] == [None, "beep_start"][:count]

    async def test_human(self, network: Network, client: Client) -> None:
        """Somebody who answers is told to be human."""
        async with FakeApplication() as application:
            await client.create(
                PHONE, ncco=wait(), event_url=[application.event_url], machine_detection="continue"
            )
            await soon(lambda: "human" in application.statuses())


def test_a_callee_speaks_later() -> None:
    """They are silent first, and then say it whole."""
    telephone = Telephone(ANNE)
    telephone.answer(Callee(say="tone", say_after=0.1))
    frames = [telephone.speak(16000, 0.0) for _ in range(6)]
    assert frames[:5] == [bytes(640)] * 5
    assert frames[5] == load("tone", 16000).frames()[0]
