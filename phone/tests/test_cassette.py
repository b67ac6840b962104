"""Recording a call and playing it again."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from aiohttp import web
from phone.__main__ import main
from phone.cassette import CassetteError, compared, masked, plan_of, read_cassette, write_cassette
from phone.legs.identity import Identity
from phone.testing import FakeApplication, Socket, every, json_of, loses_every

from phone import CallPlan, call

pytestmark = pytest.mark.usefixtures("fast_clock")


async def record(folder: Path, socket: Socket | None = None, **settings: object) -> Path:
    """Record a short call to an application; return the cassette's folder."""
    plan = {"seconds": 0.6, "dtmf": "1@0.2", "wait": 0.5} | settings
    target = folder / "tape"
    async with FakeApplication(socket) as application:
        secret = {"authorization": {"type": "custom", "value": "Bearer very.secret"}}
        talk = {"action": "talk", "text": "You call from 447700900123."}
        application._ncco = [talk, application.connect(endpoint=secret)]
        chosen = CallPlan(application.answer_url, identity=Identity("447700900123"), **plan)  # type: ignore[arg-type]  # by name
        write_cassette(chosen, await call(chosen), target)
    return target


async def again(folder: Path, application: FakeApplication) -> list[str]:
    """Play a cassette to an application; return what differs."""
    cassette = read_cassette(folder)
    secret = {"authorization": {"type": "custom", "value": "Bearer another.secret"}}
    talk = {"action": "talk", "text": "You call from 447700900123."}
    application._ncco = application._ncco or [talk, application.connect(endpoint=secret)]
    report = compared(cassette, await call(plan_of(cassette, application.answer_url)))
    return [f"{problem.step}: {problem.seen}" for problem in report.failures]


async def test_same_application(tmp_path: Path) -> None:
    """The same application passes; the caller says and presses the same."""
    tape = await record(tmp_path)
    async with FakeApplication() as application:
        assert await again(tape, application) == []
        pressed = [text for text in json_of(application.texts) if "digit" in text]
    assert [key["digit"] for key in pressed] == ["1"]
    assert sorted(os.listdir(tape)) == ["cassette.json", "heard.wav", "sent.wav"]


async def test_nothing_private_is_kept(tmp_path: Path) -> None:
    """Numbers are masked, authorizations left out."""
    tape = await record(tmp_path)
    text = read_cassette(tape).document.model_dump_json()
    assert "447700900123" not in text
    assert "999999999923" in text
    assert "very.secret" not in text


async def test_changes_are_found(tmp_path: Path) -> None:
    """Another NCCO, other texts and another sound each fail for their reason."""
    tape = await record(tmp_path)
    async with FakeApplication() as application:
        application._ncco = [{"action": "talk", "text": "Changed."}, application.connect()]
        differences = await again(tape, application)
    assert any(text.startswith("ncco: then") for text in differences)
    assert any(text.startswith("talk: ") and "Changed." in text for text in differences)

    async def chatty(connection: web.WebSocketResponse) -> None:
        await connection.send_str('{"action":"clear"}')
        await every(lambda n, frame: [frame])(connection)

    async with FakeApplication(chatty) as application:
        differences = await again(tape, application)
    assert any(text.startswith("message: then nothing more") for text in differences)
    async with FakeApplication(loses_every(5)) as application:
        differences = await again(tape, application)
    assert any("lost" in text for text in differences)


async def test_sound_of_an_application_that_is_no_echo(tmp_path: Path) -> None:
    """What was heard then must be heard now, whenever it comes."""
    noise = np.random.default_rng(1).bytes(30 * 640)
    sound = [noise[start : start + 640] for start in range(0, len(noise), 640)]
    loud = every(lambda n, frame: [] if n else sound)  # ahead of time: no gap can tear it up
    tape = await record(tmp_path, loud, expect="audio")
    async with FakeApplication(loud) as application:
        assert await again(tape, application) == []
    async with FakeApplication(every(lambda n, frame: [])) as application:
        differences = await again(tape, application)
    assert any(text.startswith("audio: ") for text in differences)


async def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten, and nothing half-written is left."""
    tape = await record(tmp_path)
    plan = CallPlan("http://127.0.0.1:9/")
    report = await call(plan)
    with pytest.raises(CassetteError, match="exists"):
        write_cassette(plan, report, tape)
    with pytest.raises(CassetteError, match="could not be written"):
        write_cassette(plan, report, tmp_path / "nowhere" / "tape")
    write_cassette(plan, report, tmp_path / "empty")
    assert sorted(os.listdir(tmp_path)) == ["empty", "tape"]
    assert read_cassette(tmp_path / "empty").document.rate is None


@pytest.mark.parametrize("content", [None, "", "{}", '{"version": 1}', "[]"])
def test_no_cassette(tmp_path: Path, content: str | None) -> None:
    """What is no cassette is refused with its name."""
    if content is not None:
        (tmp_path / "cassette.json").write_text(content)
    with pytest.raises(CassetteError, match=tmp_path.name):
        read_cassette(tmp_path)
    assert main(["replay", str(tmp_path)]) == 2


def test_another_version(tmp_path: Path) -> None:
    """A cassette of another version is to be recorded again."""
    document = {
        "version": 2,
        "answer_url": "http://localhost/",
        "method": "GET",
        "rate": None,
        "frames": 0,
        "echo_whole": False,
        "spoken": [],
        "statuses": [],
        "exchanges": [],
        "messages": [],
    }
    (tmp_path / "cassette.json").write_text(json.dumps(document))
    with pytest.raises(CassetteError, match="record it again"):
        read_cassette(tmp_path)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('"from":"447700900123"', '"from":"999999999923"'),
        ("call +447700900123 now", "call 999999999923 now"),
        ("5d79094a-9344-4f5f-9160-447700900123", "5d79094a-9344-4f5f-9160-447700900123"),
        ("2026-11-22T12:55:49.418Z", "2026-11-22T12:55:49.418Z"),
        ("rate=16000 port 43211", "rate=16000 port 43211"),
    ],
)
def test_masking(text: str, hidden: str) -> None:
    """Numbers are masked, ids and times are not."""
    assert masked(text) == hidden
