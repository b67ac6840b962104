"""What the fast path uses of the library, and what happens where it is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from echo_service.service import EchoService
from echo_service.settings import Settings
from echo_service.websocket import CallConnection, FairQueue, FastConnection, private_api
from echo_service.websocket.fast_connection import SLOW_FRAME, TURN
from websockets.asyncio.server import ServerConnection
from websockets.server import ServerProtocol
from wire_peer import BINARY, PING, Peer, frame, until

Lines = Callable[[], list[str]]


def test_the_installed_version_has_all_of_it() -> None:
    """With the locked version of the library the fast path is taken."""
    assert private_api.problem is None
    assert private_api.find_problem() is None


def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that was not tested is not trusted."""
    monkeypatch.setattr(private_api, "version", lambda _: "99.1")
    assert private_api.find_problem() == ("websockets 99.1 is not one of the tested versions 17.*")


@pytest.mark.parametrize("name", ["data_received", "process_event"])
def test_a_missing_method(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A method that is gone is named."""
    for kind in ServerConnection.__mro__:
        if name in vars(kind):
            monkeypatch.delattr(kind, name)
    problem = private_api.find_problem()
    assert problem is not None
    assert problem.endswith(f"has no ServerConnection.{name}")


def test_frames_that_take_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Insides that are there but work otherwise are noticed."""
    nothing = property(lambda _: 0, lambda _, __: None)
    monkeypatch.setattr(ServerProtocol, "current_size", nothing, raising=False)
    problem = private_api.find_problem()
    assert problem is not None
    assert "behaves differently internally" in problem


async def test_without_it_the_documented_path_is_taken(
    monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    """Where the insides are not as expected, there is one warning, and calls work."""
    monkeypatch.setattr(private_api, "problem", "websockets 99.1 is something else")
    async with EchoService(Settings(port=0)) as service:
        for _ in range(2):
            async with Peer.connect(service.port) as peer:
                peer.write(frame(BINARY, bytes(640)))
                assert await peer.frame() == (BINARY, bytes(640))
                (connection,) = service.registry.calls
                assert type(connection) is CallConnection
            await until(lambda: not service.registry.calls)
    (line,) = (line for line in lines() if " fast_path_unavailable " in line)
    assert line.startswith("WARNING")
    assert "websockets 99.1 is something else" in line


async def test_the_fast_path_is_taken(lines: Lines) -> None:
    """Where they are as expected, the fast path works."""
    async with EchoService(Settings(port=0)) as service, Peer.connect(service.port) as peer:
        peer.write(frame(BINARY, bytes(640)))
        await peer.frame()
        (connection,) = service.registry.calls
        assert type(connection) is FastConnection
    assert not any(" fast_path_unavailable " in line for line in lines())


async def test_turns_are_taken_one_in_a_round() -> None:
    """However many wait, one turn is taken in each round of the loop, and all get theirs."""
    loop = asyncio.get_running_loop()
    queue, taken = FairQueue(loop), []

    def turn(name: str, left: int) -> Callable[[], None]:
        def take() -> None:
            taken.append(name)
            if left:
                queue.add(turn(name, left - 1))

        return take

    for name in "abc":
        queue.add(turn(name, 2))
    for expected in range(1, 10):
        await asyncio.sleep(0)
        assert len(taken) == expected
    assert taken == list("abc" * 3)
    await asyncio.sleep(0)
    assert len(taken) == 9


async def test_a_turn_that_fails_does_not_stop_the_others() -> None:
    """The next turn is taken all the same."""
    loop = asyncio.get_running_loop()
    failures: list[object] = []
    loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
    queue, taken = FairQueue(loop), []
    queue.add(lambda: taken.append(1 // 0))
    queue.add(lambda: taken.append(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert taken == [2]
    assert [type(failure) for failure in failures] == [ZeroDivisionError]


@pytest.mark.parametrize(("kind", "most"), [(BINARY, TURN), (PING, TURN // SLOW_FRAME)])
async def test_a_flood_is_worked_on_in_turns(
    monkeypatch: pytest.MonkeyPatch, kind: int, most: int
) -> None:
    """However much comes in one read, one turn of it is done at once; other calls come between."""
    async with EchoService(Settings(port=0)) as service, Peer.connect(service.port) as peer:
        peer.write(frame(BINARY, b"x"))
        await peer.frame()
        (connection,) = service.registry.calls
        assert isinstance(connection, FastConnection)
        written: list[bytes] = []
        monkeypatch.setattr(connection, "_write", written.append)
        monkeypatch.setattr(connection.transport, "write", written.append)
        one = frame(kind, b"y", mask=bytes(4))
        connection.data_received(one * 5000)
        back = len(one) - 4
        seen = 0
        while seen < 5000:
            before, seen = seen, sum(map(len, written)) // back
            assert seen - before <= most
            assert seen > before
            await asyncio.sleep(0)
        assert seen == 5000
