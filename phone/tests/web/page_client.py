"""A page without a browser: its socket, spoken by a test."""

import asyncio
import json
from types import TracebackType
from typing import Any, Self

import aiohttp
from phone.audio.files import load
from phone.web import Softphone

FRAME_SECONDS = 0.02


class PageClient:
    """A page of a softphone; an async context manager.

    Args:
        softphone: whose page it is.

    """

    def __init__(self, softphone: Softphone) -> None:
        self.messages: list[dict[str, Any]] = []
        self.heard: list[bytes] = []
        self._softphone = softphone
        self._came = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        url = self._softphone.url
        self._socket = await self._session.ws_connect(
            f"{url}line", headers={"Origin": url.rstrip("/")}
        )
        self._reader = asyncio.create_task(self._read())
        await self.told("hello")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await self._session.close()

    @property
    def number(self) -> str:
        """The page's number."""
        number: str = self.of("hello")[0]["number"]
        return number

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of a type."""
        return [message for message in self.messages if message["type"] == kind]

    async def send(self, **message: Any) -> None:
        """Send a message."""
        await self._socket.send_str(json.dumps(message))

    async def call(self, answer_url: str, **more: Any) -> None:
        """Call."""
        await self.send(type="call", answer_url=answer_url, **more)

    async def say(self, source: str, rate: int, seconds: float) -> None:
        """Say a sound in real time."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        for number, frame in enumerate(load(source, rate).frames(seconds)):
            await asyncio.sleep(max(0.0, begin + number * FRAME_SECONDS - loop.time()))
            await self._socket.send_bytes(frame)

    async def told(self, what: str, /, within: float = 60.0, **fields: Any) -> dict[str, Any]:
        """Wait for a message of a type with these fields; return it."""

        def found() -> dict[str, Any] | None:
            for message in self.of(what):
                if all(message.get(name) == value for name, value in fields.items()):
                    return message
            return None

        async with asyncio.timeout(within), self._came:
            await self._came.wait_for(lambda: found() is not None)
        message = found()
        assert message is not None
        return message

    async def _read(self) -> None:
        async for message in self._socket:
            async with self._came:
                if message.type == aiohttp.WSMsgType.BINARY:
                    self.heard.append(message.data)
                else:
                    self.messages.append(json.loads(message.data))
                self._came.notify_all()
