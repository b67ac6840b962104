"""The connection: a model that is down, refuses or stalls is known as such, in time."""

from __future__ import annotations

import asyncio
import socket

import pytest
from assistant import protocol
from assistant.connection import WAITING_PIECES, Cause, Connection, ModelError
from assistant.fake.manners import Manner
from assistant.fake.server import serving, url_of
from assistant.settings import load


async def cause_of(connection: Connection) -> Cause:
    """Open it, listen until it ends, and return why it does."""
    with pytest.raises(ModelError) as caught:  # noqa: PT012 - either step may raise
        await connection.open()
        async for _ in connection.messages():
            pass
    await connection.close()
    return caught.value.cause


async def test_a_model_that_is_down_is_given_up_in_time(caplog: pytest.LogCaptureFixture) -> None:
    """After some attempts, within the setting's seconds; the log says so once, at the first."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and not listening
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}/v1/realtime"
        chosen = load(realtime_url=url, realtime_connect_seconds=0.7)
        async with asyncio.timeout(load().realtime_connect_seconds):  # which would be longer
            assert await cause_of(Connection(chosen, "a-call")) == "down"
    (line,) = caplog.messages
    assert "model_unreachable" in line


async def test_a_model_that_comes_up_is_reached() -> None:
    """The first attempts fail."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    url = f"ws://127.0.0.1:{port}/v1/realtime"
    connection = Connection(load(realtime_url=url), "a-call")
    opening = asyncio.create_task(connection.open())
    await asyncio.sleep(0.1)
    async with serving(Manner(), port=port):
        await opening
        await connection.close()


async def test_a_refusal_is_not_repeated() -> None:
    """A wrong key, or a wrong path."""
    async with serving(Manner(key="right")) as server:
        url = url_of(server)
        wrong = load(realtime_url=url, realtime_api_key="sk-wrong")
        assert await cause_of(Connection(wrong, "a-call")) == "key"
        lost = load(realtime_url=url.replace("v1", "v9"), realtime_api_key="right")
        assert await cause_of(Connection(lost, "a-call")) == "refused"
        right = Connection(load(realtime_url=url, realtime_api_key="right"), "a-call")
        await right.open()
        await right.close()


async def test_a_full_model_says_so() -> None:
    """By closing with 1008."""
    async with serving(Manner(faults=frozenset({"full"}))) as server:
        assert await cause_of(Connection(load(realtime_url=url_of(server)), "c")) == "limit"


async def test_no_key_is_in_an_error() -> None:
    """Nor one that stands in the URL."""
    url = "ws://user:sk-word@127.0.0.1:1/v1/realtime?key=sk-secret"
    connection = Connection(
        load(realtime_url=url, realtime_api_key="sk-other", realtime_connect_seconds=0.2), "c"
    )
    with pytest.raises(ModelError) as caught:
        await connection.open()
    assert "sk-" not in str(caught.value)


async def test_the_oldest_audio_gives_way() -> None:
    """While the model is being reached: 5 s wait, and no message but audio is dropped."""
    connection = Connection(load(), "a-call")
    connection.send(protocol.commit())
    for number in range(WAITING_PIECES + 10):
        connection.send_audio(protocol.append(bytes([number % 256])))
    assert connection.dropped == 10
    assert len(connection._waiting) == WAITING_PIECES + 1
    assert connection._waiting[0] == (False, protocol.commit())
    assert connection._waiting[1] == (True, protocol.append(bytes([10])))
    connection.send_audio(protocol.append(b"one more"))
    assert connection.dropped == 11


async def test_a_model_that_takes_nothing_has_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Found when what is sent finds no room for some seconds."""
    monkeypatch.setattr("assistant.connection.STALLED_SECONDS", 0.3)
    async with serving(Manner(faults=frozenset({"deaf"}))) as server:
        connection = Connection(load(realtime_url=url_of(server)), "a-call")
        await connection.open()
        for _ in range(WAITING_PIECES):
            connection.send_audio(protocol.append(bytes(200_000)))
        with pytest.raises(ModelError) as caught:
            await connection.run_sender()
        assert caught.value.cause == "stalled"
        await connection.close()
