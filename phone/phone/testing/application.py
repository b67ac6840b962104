"""A voice application in this process, correct or deliberately wrong, for tests of callers.

async with FakeApplication(socket=loses_every(50)) as application:
    report = await call(CallPlan(application.answer_url))
"""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import WSMsgType, web

__all__ = [
    "Answer",
    "FakeApplication",
    "Socket",
    "closes_after",
    "delays",
    "echo",
    "every",
    "json_of",
    "loses_every",
    "says",
]

Socket = Callable[[web.WebSocketResponse], Awaitable[None]]
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
CLOSING_SECONDS = 0.2  # for handlers that are still busy when a test is over


class FakeApplication:
    """A web server with an answer URL, an event URL and a socket; an async context manager.

    Args:
        socket: what happens on the socket; an echo unless said otherwise.
        answer: replaces the answer webhook.
        event: replaces the reply to events; they are noted all the same.
        handshake: replaces the socket's opening.
        ncco: the NCCO; None: talk, then connect to this application's own socket.
        rate: Hz, in the NCCO of its own.
        files: what lies under `/files/`, by name.
        tls: serve https:// and wss:// on the name localhost; None: http:// and ws://.

    """

    def __init__(
        self,
        socket: Socket | None = None,
        *,
        answer: Answer | None = None,
        event: Answer | None = None,
        handshake: Answer | None = None,
        ncco: object = None,
        rate: int = 16000,
        files: Mapping[str, bytes] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.events: list[dict[str, Any]] = []
        self.answered: list[dict[str, str]] = []
        self.texts: list[str] = []
        self.handshakes: list[web.Request] = []
        self.requests: list[web.Request] = []
        self.url = ""
        self._socket = socket or echo
        self._answer = answer
        self._event = event
        self._handshake = handshake
        self._ncco = ncco
        self._rate = rate
        self._files = files or {}
        self._tls = tls
        self._runner: web.AppRunner | None = None

    @property
    def answer_url(self) -> str:
        """Where calls are answered."""
        return f"{self.url}/answer"

    @property
    def event_url(self) -> str:
        """Where events are taken."""
        return f"{self.url}/event"

    @property
    def socket_url(self) -> str:
        """Where the socket is."""
        return self.url.replace("http", "ws", 1) + "/socket"

    def file_url(self, name: str) -> str:
        """Return where a file is, or would be."""
        return f"{self.url}/files/{name}"

    def connect(self, **changes: Any) -> dict[str, Any]:
        """Return a connect action to this application's own socket; a change to None leaves out."""
        endpoint = {
            "type": "websocket",
            "uri": self.socket_url,
            "content-type": f"audio/l16;rate={self._rate}",
            "headers": {"uuid": "a-call", "conversation_uuid": "CON-a-call"},
        }
        action: dict[str, Any] = {
            "action": "connect",
            "eventType": "synchronous",
            "eventUrl": [self.event_url],
            "endpoint": [endpoint | changes.pop("endpoint", {})],
        }
        return {name: value for name, value in (action | changes).items() if value is not None}

    def statuses(self, leg: str = "") -> list[str]:
        """Return the statuses of the events taken, of the leg whose `to` starts so."""
        return [
            event.get("status", "error" if "reason" in event else "")
            for event in self.events
            if str(event.get("to", "")).startswith(leg)
        ]

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/answer", self._take_answer)
        application.router.add_route("*", "/event", self._take_event)
        application.router.add_route("*", "/socket", self._take_socket)
        application.router.add_route("GET", "/files/{name}", self._give_file)
        self._runner = web.AppRunner(
            application, shutdown_timeout=CLOSING_SECONDS, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        origin = "https://localhost" if self._tls else "http://127.0.0.1"
        self.url = f"{origin}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take_answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        if request.method == "POST":
            self.answered.append(await request.json())
        else:
            self.answered.append(dict(request.query))
        if self._answer is not None:
            return await self._answer(request)
        if self._ncco is not None:
            return web.json_response(self._ncco)
        return web.json_response([{"action": "talk", "text": "Hello."}, self.connect()])

    async def _take_event(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.events.append(await request.json())
        if self._event is not None:
            return await self._event(request)
        return web.Response(status=204)

    async def _give_file(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        data = self._files.get(request.match_info["name"])
        return web.Response(status=404) if data is None else web.Response(body=data)

    async def _take_socket(self, request: web.Request) -> web.StreamResponse:
        self.handshakes.append(request)
        if self._handshake is not None:
            return await self._handshake(request)
        socket = _Noting(self.texts)
        await socket.prepare(request)
        await self._socket(socket)
        return socket


class _Noting(web.WebSocketResponse):
    """Records the texts that arrive."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(compress=False, timeout=CLOSING_SECONDS)
        self._texts = texts

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109 - aiohttp's own
        message = await super().receive(timeout)
        if message.type == WSMsgType.TEXT:
            self._texts.append(message.data)
        return message


def every(change: Callable[[int, bytes], list[bytes]]) -> Socket:
    """Return a socket that answers frame `n` (from 0) with what `change(n, frame)` returns."""

    async def socket(connection: web.WebSocketResponse) -> None:
        count = 0
        async for message in connection:
            if message.type == WSMsgType.BINARY:
                for frame in change(count, message.data):
                    await connection.send_bytes(frame)
                count += 1

    return socket


echo: Socket = every(lambda _, frame: [frame])


def loses_every(number: int) -> Socket:
    """Return an echo that forgets every frame of that number."""
    return every(lambda count, frame: [] if count % number == number - 1 else [frame])


def delays(seconds: float) -> Socket:
    """Return an echo that takes its time."""

    async def socket(connection: web.WebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def answer() -> None:
            while True:
                due, frame = await waiting.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await connection.send_bytes(frame)

        task = asyncio.create_task(answer())
        try:
            async for message in connection:
                if message.type == WSMsgType.BINARY:
                    waiting.put_nowait((loop.time() + seconds, message.data))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return socket


def says(text: str) -> Socket:
    """Return a socket that answers every frame with that text."""

    async def socket(connection: web.WebSocketResponse) -> None:
        async for message in connection:
            if message.type == WSMsgType.BINARY:
                await connection.send_str(text)

    return socket


def closes_after(frames: int, code: int = 1011) -> Socket:
    """Return an echo that closes after so many frames."""

    async def socket(connection: web.WebSocketResponse) -> None:
        count = 0
        async for message in connection:
            if message.type == WSMsgType.BINARY:
                await connection.send_bytes(message.data)
                count += 1
                if count == frames:
                    await connection.close(code=code, message=b"had enough")

    return socket


def json_of(texts: list[str]) -> list[Any]:
    """Return text messages as JSON."""
    return [json.loads(text) for text in texts]
