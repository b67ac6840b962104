"""Vonage's own SDKs, unmodified but for their base URL, against the simulated platform."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from phone.audio import load
from phone.legs.telephone import Callee, Telephone
from phone.platform.credentials import init_folder, server_context
from phone.platform.network import Network
from phone.platform.registration import Registration
from phone.testing import FakeApplication

HERE = Path(__file__).parents[1]
OWN, ANNE, BOB = "447700900001", "447700900789", "447700900790"
ANSWER_SECONDS = 60.0


class Sdk:
    """One SDK, as a process that answers line by line.

    Args:
        kind: "python" or "node".
        network: that it calls.
        process: of the SDK.

    """

    def __init__(self, kind: str, network: Network, process: asyncio.subprocess.Process) -> None:
        self.kind = kind
        self.network = network
        self.process = process

    async def ask(self, do: str, *arguments: object) -> dict[str, Any]:
        """Let the SDK do something; return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        line = json.dumps({"do": do, "with": arguments})
        self.process.stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(ANSWER_SECONDS):
            answer: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return answer

    async def do(self, do: str, *arguments: object) -> Any:
        """Let the SDK do something that works; return its result."""
        answer = await self.ask(do, *arguments)
        assert "error" not in answer, answer
        return answer["result"]

    async def call(self, number: str = ANNE, **fields: object) -> str:
        """Place a call to a telephone that keeps the line open; return its uuid."""
        self.network.switch.new_calls._taken.clear()
        caller = {"type": "phone", "number": OWN}
        talk = {"action": "talk", "text": "Please hold the line for a long time. " * 10}
        to = [{"type": "phone", "number": number}]
        name = "from_" if self.kind == "python" else "from"
        result = await self.do("create", {"to": to, name: caller, "ncco": [talk]} | fields)
        assert result["status"] == "started"
        return str(result["uuid"])

    async def answered(self, number: str = ANNE) -> Telephone:
        """Wait until somebody has answered; return their telephone."""
        telephone = self.network.telephone(number)
        assert telephone is not None
        async with asyncio.timeout(ANSWER_SECONDS):
            await telephone.answered.wait()
        return telephone


async def started(kind: str, network: Network, folder: Path, key: Path) -> Sdk:
    """Start an SDK's process."""
    application = network.switch.registration.id
    if kind == "python":
        host = network.url.removeprefix("https://")
        command = [str(HERE / ".venv/bin/python"), str(HERE / "clients/vonage_sdk.py"), host]
    else:
        command = ["node", str(HERE / "node/vonage_sdk.js"), network.url]
    process = await asyncio.create_subprocess_exec(
        *command,
        application,
        str(key),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"REQUESTS_CA_BUNDLE": str(folder / "ca.pem")},
    )
    return Sdk(kind, network, process)


@pytest.fixture(params=["python", "node"])
async def sdk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sdk]:
    """Return an SDK and its network: over TLS for Python, which speaks nothing else."""
    folder = tmp_path / "platform"
    init_folder(folder)
    registration = Registration.read(folder / "application.json")
    serves = server_context(folder, [])[0] if request.param == "python" else None
    callees = {ANNE: Callee(answer_after=0), BOB: Callee(answer_after=0)}
    async with Network(registration, callees=callees, serves=serves, talk="realtime") as network:
        sdk = await started(request.param, network, folder, folder / "private.key")
        try:
            yield sdk
        finally:
            sdk.process.kill()
            await sdk.process.wait()


async def test_create_read_and_hang_up(sdk: Sdk) -> None:
    """A call is created, read while it lasts, hung up, and read when it is over."""
    uuid = await sdk.call()
    await sdk.answered()
    call = await sdk.do("get", uuid)
    assert (call["uuid"], call["status"], call["direction"]) == (uuid, "answered", "outbound")
    assert call["to"]["number"] == ANNE
    await sdk.do("hangup", uuid)
    await until(lambda: sdk.network.switch.legs[uuid].has_ended)
    call = await sdk.do("get", uuid)
    assert call["status"] == "completed"
    assert call["duration"] == "0"


async def test_list(sdk: Sdk) -> None:
    """Calls are listed, filtered, and turned over page by page."""
    uuids = [await sdk.call() for _ in range(3)]
    if sdk.kind == "python":
        calls, following = await sdk.do("list", {"page_size": 2})
        assert following == 1
        rest, following = await sdk.do("list", {"page_size": 2, "record_index": 2})
        assert following is None
        calls += rest
        none, _ = await sdk.do("list", {"status": "busy"})
    else:
        calls = await sdk.do("list", {"pageSize": 2})
        none = await sdk.do("list", {"status": "busy"})
    assert [call["uuid"] for call in calls] == uuids
    assert none == []


async def test_steer(sdk: Sdk, tmp_path: Path) -> None:
    """What is streamed is heard; keys arrive; a muted leg is silent, until it is not."""
    wav = tmp_path / "it.wav"
    tone = load("tone", 16000).samples[:24000]
    soundfile.write(wav, tone, 16000, subtype="PCM_16")
    connect = {"action": "connect", "endpoint": [{"type": "phone", "number": BOB}]}
    if sdk.kind == "python":
        connect |= {"from_": OWN}
    async with FakeApplication(files={"it.wav": wav.read_bytes()}) as application:
        uuid = await sdk.call(ncco=[connect])
        anne, bob = await sdk.answered(), await until_telephone(sdk, BOB)
        result = await sdk.do("stream", uuid, application.file_url("it.wav"))
        assert result == {"message": "Stream started", "uuid": uuid}
        await until(lambda: anne.hears(wav).found)
    assert tone[3200:16000].tobytes() in anne.tape.samples().tobytes()
    assert (await sdk.do("stop_stream", uuid))["message"] == "Stream stopped"
    assert (await sdk.do("talk", uuid, "Hello."))["message"] == "Talk started"
    assert (await sdk.do("stop_talk", uuid))["message"] == "Talk stopped"
    assert (await sdk.do("dtmf", uuid, "12#"))["message"] == "DTMF sent"
    await until(lambda: anne.keys_heard == ["1", "2", "#"])
    await sdk.do("mute", uuid)
    before = len(bob.tape.samples())
    anne.say(wav)
    await anne.quiet.wait()
    await asyncio.sleep(0.1)
    assert not bob.tape.samples()[before:].any()
    await sdk.do("unmute", uuid)
    anne.say(wav)
    await until(lambda: bob.hears(wav).found)
    await sdk.do("earmuff", uuid)
    await sdk.do("unearmuff", uuid)


async def test_transfer(sdk: Sdk) -> None:
    """A call is transferred to another NCCO, given, or asked for at a URL."""
    answer = [{"action": "wait", "timeout": 60}]
    async with FakeApplication(ncco=answer) as application:
        uuid = await sdk.call()
        await sdk.answered()
        leg = sdk.network.switch.legs[uuid]
        await until(lambda: leg.transfer is not None)
        before = leg.events.conversation_uuid
        await sdk.do("transfer", uuid, "Something else for quite a long time. " * 5)
        await until(lambda: leg.events.conversation_uuid != before)
        await until(lambda: leg.transfer is not None and not leg.transfer.done())
        await sdk.do("transfer_url", uuid, application.answer_url)
        await until(lambda: application.answered)
        assert application.answered[0]["uuid"] == uuid


@pytest.mark.parametrize("sdk", ["python"], indirect=True)
async def test_errors_of_python(sdk: Sdk, tmp_path: Path) -> None:
    """Its errors for 401, 404 and 429 come out as its documentation says."""
    answer = await sdk.ask("get", "aaaaaaaa-bbbb-cccc-dddd-0123456789ab")
    assert (answer["error"], answer["status"]) == ("NotFoundError", 404)
    answers = [await sdk.ask("create", request(f"4477009007{n}")) for n in range(10, 16)]
    limited = [answer for answer in answers if "error" in answer]
    assert limited
    assert {(one["error"], one["status"]) for one in limited} == {("RateLimitedError", 429)}
    answer = await refused(sdk, tmp_path)
    assert (answer["error"], answer["status"]) == ("AuthenticationError", 401)


@pytest.mark.parametrize("sdk", ["node"], indirect=True)
async def test_errors_of_node(sdk: Sdk, tmp_path: Path) -> None:
    """Its errors carry the response, with 401, 404 and 429."""
    answer = await sdk.ask("get", "aaaaaaaa-bbbb-cccc-dddd-0123456789ab")
    assert (answer["error"], answer["status"]) == ("VetchError", 404)
    answers = [await sdk.ask("create", request(f"4477009007{n}")) for n in range(10, 16)]
    assert {one["status"] for one in answers if "error" in one} == {429}
    answer = await refused(sdk, tmp_path)
    assert (answer["error"], answer["status"]) == ("VetchError", 401)


def request(number: str) -> dict[str, object]:
    """Return a call to a number, in both SDKs' spelling."""
    caller = {"type": "phone", "number": OWN}
    to = [{"type": "phone", "number": number}]
    ncco = [{"action": "talk", "text": "Hello."}]
    return {"to": to, "from": caller, "from_": caller, "ncco": ncco}


async def refused(sdk: Sdk, tmp_path: Path) -> dict[str, Any]:
    """Return what an SDK with another application's key says."""
    init_folder(tmp_path / "another")
    stranger = await started(
        sdk.kind, sdk.network, tmp_path / "platform", tmp_path / "another" / "private.key"
    )
    try:
        return await stranger.ask("list", {})
    finally:
        stranger.process.kill()
        await stranger.process.wait()


async def until_telephone(sdk: Sdk, number: str) -> Telephone:
    """Wait until somebody is called and has answered; return their telephone."""
    await until(lambda: sdk.network.telephone(number))
    return await sdk.answered(number)


async def until(true: Any) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while not true():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.05)
