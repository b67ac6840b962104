"""What is played to somebody: its volume, keys that end it, tones and words before a connection."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import soundfile
from aiohttp import web
from phone.audio.conversion import amplified
from phone.legs.telephone import Callee, Takes, Telephone
from phone.platform.leg import Leg
from phone.platform.ncco.document import NccoError, parse_actions
from phone.platform.network import Network
from phone.testing import FakeApplication
from platform_api import Client, registration, soon

ANNE, BOB = "447700900789", "447700900790"
PHONE = {"type": "phone", "number": ANNE}


def wav(level: int, seconds: float) -> bytes:
    """Return a file whose every sample is `level`."""
    file = io.BytesIO()
    samples = np.full(round(seconds * 16000), level, np.int16)
    soundfile.write(file, samples, 16000, format="WAV", subtype="PCM_16")
    return file.getvalue()


FILES = {"low.wav": wav(1000, 0.4), "tone.wav": wav(2000, 0.2), "words.wav": wav(3000, 2.0)}


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """Return a network with Anne, who answers at once."""
    callees = {ANNE: Callee(answer_after=0)}
    async with Network(registration(), callees=callees, talk="realtime") as network:
        yield network


@pytest.fixture
async def client(network: Network) -> AsyncIterator[Client]:
    """Return a client of the network's API."""
    async with aiohttp.ClientSession() as session:
        yield Client(network.url, session)


@pytest.fixture
def bob(tmp_path: Path) -> Path:
    """Return what Bob says: for half as long as the words last, and then another level."""
    path = tmp_path / "bob.wav"
    samples = np.repeat(np.array([4000, 5000], np.int16), [16_000, 160_000])
    soundfile.write(path, samples, 16000, subtype="PCM_16")
    return path


def stream(application: FakeApplication, name: str, **more: Any) -> dict[str, Any]:
    """Return an action that plays a file of the application's."""
    return {"action": "stream", "streamUrl": [application.file_url(name)], **more}


def of(network: Network, number: str) -> Telephone:
    """Return a telephone that was called."""
    telephone = network.telephone(number)
    assert telephone is not None
    return telephone


class Hand(Telephone):
    """A telephone whose owner answers once `taken` is set."""

    def __init__(self, number: str) -> None:
        super().__init__(number)
        self.taken = asyncio.Event()

    async def ring(self, _: str, __: str) -> Takes:
        """Ring until it is taken."""
        await self.taken.wait()
        return "answer"


def levels(telephone: Telephone) -> set[int]:
    """Return all samples that it has heard, but silence."""
    return set(telephone.tape.samples().tolist()) - {0}


@pytest.mark.parametrize(("level", "heard"), [(-1, 316), (0, 1000), ("0.5", 1778), (1, 3162)])
async def test_level(network: Network, client: Client, level: object, heard: int) -> None:
    """`level` 1 is 10 dB louder than 0, and -1 as much softer."""
    async with FakeApplication(files=FILES) as application:
        call = await client.create(PHONE, ncco=[stream(application, "low.wav", level=level)])
        await soon(lambda: network.switch.legs[call].has_ended)
    assert levels(of(network, ANNE)) == {heard}


async def test_level_of_the_api(network: Network, client: Client) -> None:
    """The API's `stream` has one, too."""
    async with FakeApplication(files=FILES) as application:
        call = await client.create(PHONE, ncco=[{"action": "wait", "timeout": 60}])
        await soon(lambda: network.switch.legs[call].status == "answered")
        body = {"stream_url": [application.file_url("low.wav")], "level": -1}
        assert (await client.ask("PUT", f"/v1/calls/{call}/stream", body))[0] == 200
        await soon(lambda: levels(of(network, ANNE)))
    assert levels(of(network, ANNE)) == {316}


def test_what_is_too_loud_is_cut() -> None:
    """Nothing wraps around."""
    samples = np.array([-32768, -20000, 0, 20000, 32767], np.int16)
    assert amplified(samples, 10).tolist() == [-32768, -32768, 0, 32767, 32767]
    assert amplified(samples, 0) is samples


async def test_a_key_ends_what_may_be_barged_into(network: Network, client: Client) -> None:
    """An endless stream with bargeIn ends at the first key, which is the input's."""
    keys = {"type": ["dtmf"], "dtmf": {"maxDigits": 2, "timeOut": 10}}
    async with FakeApplication(files=FILES) as application:
        ncco = [
            stream(application, "low.wav", bargeIn=True, loop=0),
            stream(application, "words.wav", bargeIn=True),
            {"action": "input", **keys, "eventUrl": [application.event_url]},
            stream(application, "tone.wav"),
        ]
        await client.create(PHONE, ncco=ncco, event_url=[application.event_url])
        await soon(lambda: network.telephone(ANNE))
        anne = of(network, ANNE)
        await soon(lambda: len(anne.tape.samples()) > 16000)  # it was repeated
        assert levels(anne) == {1000}
        anne.press("42")
        await soon(lambda: "completed" in application.statuses())
        (pressed,) = [event["dtmf"] for event in application.events if "dtmf" in event]
    assert pressed == {"digits": "42", "timed_out": False}
    assert levels(anne) == {1000, 2000}


async def test_ringback_tone(network: Network, client: Client, bob: Path) -> None:
    """The caller hears the tone again and again while it rings, and not when it is answered."""
    ringing = Hand(BOB)
    network.switch.held[BOB] = lambda: ringing
    async with FakeApplication(files=FILES) as application:
        connect = {
            "action": "connect",
            "endpoint": [{"type": "phone", "number": BOB}],
            "ringbackTone": application.file_url("tone.wav"),
        }
        call = await client.create(PHONE, ncco=[connect])
        await soon(lambda: network.telephone(ANNE))
        tape = of(network, ANNE).tape
        await soon(lambda: np.count_nonzero(tape.samples() == 2000) > 3200)  # longer than the file
        ringing.taken.set()
        ringing.say(bob)
        await soon(lambda: 4000 in tape.samples())
        ringing.hang_up()
        await soon(lambda: network.switch.legs[call].has_ended)
    heard = tape.samples()
    assert 4000 not in heard[: np.flatnonzero(heard == 2000)[-1]]


async def test_on_answer(network: Network, client: Client, bob: Path) -> None:
    """Who is called hears an NCCO of their own first; the caller hears a tone meanwhile."""
    network.subscribe(BOB, Callee(answer_after=0, say=bob))
    async with FakeApplication(files=FILES) as application:
        application._ncco = [stream(application, "words.wav")]
        wanted = {"url": application.answer_url, "ringbackTone": application.file_url("tone.wav")}
        endpoint = {"type": "phone", "number": BOB, "onAnswer": wanted}
        call = await client.create(PHONE, ncco=[{"action": "connect", "endpoint": [endpoint]}])
        await soon(lambda: network.telephone(ANNE))
        # What Bob said to the NCCO was for nobody.
        await soon(lambda: levels(of(network, ANNE)) == {2000, 5000})
        of(network, BOB).hang_up()
        await soon(lambda: network.switch.legs[call].has_ended)
    (asked,) = application.answered
    assert (asked["to"], asked["endpoint_type"]) == (BOB, "phone")
    assert levels(of(network, BOB)) == {3000}
    assert levels(of(network, ANNE)) == {2000, 5000}


async def test_a_transfer_that_comes_after_the_greeting(
    network: Network, client: Client, bob: Path
) -> None:
    """The URL was asked in time, and its NCCO came too late: there is nothing to replace."""

    def greeted() -> Leg:
        return next(leg for leg in network.switch.legs.values() if leg.events.called == BOB)

    async def late(_: web.Request) -> web.Response:
        await soon(lambda: greeted().transfer is None)
        return web.json_response([{"action": "talk", "text": "Late."}])

    network.subscribe(BOB, Callee(answer_after=0, say=bob))
    async with FakeApplication(files=FILES) as application, FakeApplication(answer=late) as other:
        application._ncco = [stream(application, "words.wav")]
        wanted = {"url": application.answer_url}
        endpoint = {"type": "phone", "number": BOB, "onAnswer": wanted}
        await client.create(PHONE, ncco=[{"action": "connect", "endpoint": [endpoint]}])
        await soon(lambda: network.telephone(BOB))
        await soon(lambda: greeted().transfer is not None)
        body = {"action": "transfer", "destination": {"type": "ncco", "url": [other.answer_url]}}
        status, answer = await client.ask("PUT", f"/v1/calls/{greeted().uuid}", body)
    assert (status, "no NCCO any more" in json.dumps(answer)) == (409, True)


async def test_on_answer_without_an_ncco(network: Network, client: Client, bob: Path) -> None:
    """The two are joined all the same; the problem is told."""
    problems: list[str] = []
    network.switch.on_problem = lambda problem: problems.append(problem.seen)
    network.subscribe(BOB, Callee(answer_after=0, say=bob))
    async with FakeApplication(files=FILES) as application:
        wanted = {"url": application.file_url("none")}
        endpoint = {"type": "phone", "number": BOB, "onAnswer": wanted}
        await client.create(PHONE, ncco=[{"action": "connect", "endpoint": [endpoint]}])
        await soon(lambda: network.telephone(ANNE))
        await soon(lambda: levels(of(network, ANNE)))
    assert any("404" in seen for seen in problems)


@pytest.mark.parametrize("wanted", [{}, {"url": "no url"}, {"url": 5}, "http://localhost/"])
def test_a_wrong_on_answer_is_refused(wanted: object) -> None:
    """It is an object with a URL (NCCO reference)."""
    endpoint = {"type": "phone", "number": BOB, "onAnswer": wanted}
    with pytest.raises(NccoError, match="onAnswer"):
        parse_actions([{"action": "connect", "endpoint": [endpoint]}])
