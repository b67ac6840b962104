"""The softphone's server: the page, its files, its socket, and its other requests."""

import asyncio
import contextlib
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiohttp import WSCloseCode, web
from jinja2 import Environment, PackageLoader, StrictUndefined

from phone.audio.files import SPEECH_FILE
from phone.constants import RATES
from phone.legs.faults import FAULTS
from phone.legs.log import Exchange, Problem
from phone.platform.network import Network
from phone.platform.registration import Registration
from phone.web.guard import HEADERS, LOOPBACK, guard
from phone.web.settings import SoftphoneSettings
from phone.web.status import Examine, StackStatus
from phone.web.switchboard import Switchboard, talk_mode
from phone.web.tab import Tab
from phone.words import counted

__all__ = ["Softphone", "SoftphoneSettings"]

CLOSING_SECONDS = 5.0  # for calls that are hung up because the program ends
HEARTBEAT_SECONDS = 15.0
MESSAGE_MAX_BYTES = 64 * 1024
TABS_MAX = 50
ANY = {"0.0.0.0", "::"}  # noqa: S104 - to listen on; no page is opened by such a name
AUDIBLE_FAULTS = {
    "jitter": "jitter: frames leave up to so many ms late",
    "stall": "stall: so many seconds without a frame",
    "drop": "lost socket: the connection breaks after so many seconds",
    "move": "moved call: the socket closes with 1012 after so many seconds, and the call goes on",
    "slow-reader": "slow reader: ms to wait before each message is read",
}
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"

PAGES = Environment(
    loader=PackageLoader("phone.web", ""),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class Softphone:
    """Serves the page; an async context manager.

    Args:
        settings: its own.
        registration: the application that the network in it knows; None: one without webhooks.
        platform_port: where the network's API is served; 0: any that is free.
        folder: where the files lie that subscribers name.
        examine: returns the checks of a call, as JSON; None: there is no doctor.

    """

    def __init__(
        self,
        settings: SoftphoneSettings,
        registration: Registration | None = None,
        platform_port: int = 0,
        folder: Path | None = None,
        examine: Examine | None = None,
    ) -> None:
        self.settings = settings
        talk = talk_mode()
        self.network = Network(
            registration,
            port=platform_port,
            talk=talk,
            folder=folder,
            on_problem=self._problem,
            on_exchange=self._exchange,
        )
        self.board = Switchboard(settings, self.network, talk)
        self._status = StackStatus(settings, examine)
        self._tabs: dict[Tab, web.WebSocketResponse] = {}
        self._port = settings.port
        self._open = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the page is."""
        host = self.settings.host
        shown = "localhost" if host in ANY | LOOPBACK else host
        return f"http://{shown}:{self._port}/"

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.network)
            await stack.enter_async_context(self._status)
            names = frozenset(map(str.lower, (*self.settings.names, self.settings.host))) - ANY
            application = web.Application(middlewares=[guard(names)])
            application.on_response_prepare.append(_add_headers)
            application.add_routes(
                [
                    web.get("/", self._page),
                    web.get("/line", self._line),
                    web.get("/speech.wav", self._speech),
                    web.get("/status", self._stack),
                    web.post("/doctor", self._doctor),
                    web.get("/calls", self._calls),
                    web.get("/calls/{id}/report", self._report),
                    web.get("/calls/{id}/heard.wav", self._heard),
                    web.static("/static", _files()),
                ]
            )
            application.on_shutdown.append(self._close_tabs)
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=CLOSING_SECONDS)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, self.settings.host, self.settings.port)
            await site.start()
            self._port = runner.addresses[0][1]
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def _page(self, _: web.Request) -> web.Response:
        settings = self.settings
        text = PAGES.get_template("page.html.j2").render(
            answer_url=settings.answer_url,
            rates=RATES,
            faults=[(name, FAULTS[name], words) for name, words in AUDIBLE_FAULTS.items()],
            can_sign=settings.signature_secret is not None,
        )
        return web.Response(text=text, content_type="text/html")

    async def _line(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_SECONDS, max_msg_size=MESSAGE_MAX_BYTES, compress=False
        )
        await socket.prepare(request)
        if len(self._tabs) >= TABS_MAX:
            # A page can read a close's reason, and nothing of a handshake that is refused.
            seen = f"{counted(TABS_MAX, 'page')} {'is' if TABS_MAX == 1 else 'are'} open already"
            await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=seen.encode())
            return socket
        tab = Tab(self.board, self.board.free_number())
        held = self.network.switch.held
        held[tab.number] = tab.new_telephone
        self._tabs[tab] = socket
        tab.tell(
            {
                "type": "hello",
                "number": tab.number,
                "speaks": self.board.talk != "aloud",
                "calls": self.board.past.lines(),
            }
        )
        try:
            await tab.run(socket)
        finally:
            del self._tabs[tab]
            held.pop(tab.number, None)
        return socket

    async def _speech(self, _: web.Request) -> web.Response:
        data = (resources.files("phone") / SPEECH_FILE).read_bytes()
        return web.Response(body=data, content_type="audio/wav")

    async def _stack(self, _: web.Request) -> web.Response:
        status = await self._status.look()
        return web.json_response({**status, "recent": self.board.past.lines()})

    async def _doctor(self, _: web.Request) -> web.Response:
        return web.json_response(await self._status.examine())

    async def _calls(self, _: web.Request) -> web.Response:
        return web.json_response(self.board.past.lines())

    async def _report(self, request: web.Request) -> web.Response:
        call = self.board.past.get(request.match_info["id"])
        if call is None:
            raise web.HTTPNotFound(text="That call is no longer kept.\n")
        headers = {"Content-Security-Policy": REPORT_POLICY}
        return web.Response(text=call.page, content_type="text/html", headers=headers)

    async def _heard(self, request: web.Request) -> web.Response:
        call = self.board.past.get(request.match_info["id"])
        if call is None or not call.wav:
            raise web.HTTPNotFound(
                text="Nothing was heard in that call, or it is no longer kept.\n"
            )
        headers = {"Content-Disposition": 'attachment; filename="heard.wav"'}
        return web.Response(body=call.wav, content_type="audio/wav", headers=headers)

    async def _close_tabs(self, _: web.Application) -> None:
        """Close the pages' sockets, which hangs up their calls."""
        going_away = WSCloseCode.GOING_AWAY
        await asyncio.gather(*(s.close(code=going_away) for s in self._tabs.values()))

    def _exchange(self, exchange: Exchange) -> None:
        for tab in self._tabs:
            tab.network_exchange(exchange)

    def _problem(self, problem: Problem) -> None:
        for tab in self._tabs:
            tab.network_problem(problem)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def _files() -> Any:
    return Path(str(resources.files("phone") / "web" / "static"))
