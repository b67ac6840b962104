"""Opening a socket: whatever keeps it from opening is a DialError with advice."""

import asyncio

import pytest
from phone.legs.dial import DialError, dial
from phone.testing import FakeApplication
from websockets.asyncio.client import ClientConnection


class Reset(ClientConnection):
    """A connection that is gone before the handshake's request is sent."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lose it at once, as a server that is killed behind a proxy does."""
        super().connection_made(transport)
        self.connection_lost(ConnectionResetError(104, "Connection reset by peer"))


async def test_a_close_is_waited_for_as_long_as_the_platform_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The library's own time would be longer."""
    monkeypatch.setattr("phone.legs.dial.CLOSE_TIMEOUT", 0.25)
    async with FakeApplication() as application:
        connection = await dial(application.socket_url, within=60)
        assert connection.close_timeout == 0.25
        await connection.close()


async def test_a_connection_lost_before_the_request() -> None:
    """It is a socket that failed, not a traceback."""
    async with FakeApplication() as application:
        uri = application.answer_url.replace("http:", "ws:")
        with pytest.raises(DialError, match="no connection to ws://"):
            await dial(uri, within=2.0, factory=Reset)
