"""A whole network in this process: the platform's API, callers, callees, rooms."""

import contextlib
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from phone.constants import TalkMode
from phone.legs.assumptions import Assumptions
from phone.legs.log import Exchange, Moment, Problem
from phone.legs.telephone import Callee, Telephone
from phone.platform.api.server import application_of
from phone.platform.mixing.conversation import Conversation
from phone.platform.registration import Registration
from phone.platform.settings import Behaviour
from phone.platform.switch import Switch
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.signature import Signer

__all__ = ["Network"]

CLOSING_SECONDS = 1.0


class Network:
    """A simulated telephone network; an async context manager.

    Args:
        registration: the application that it knows; None: one without keys or webhooks.
        callees: how numbers take calls, besides the registration's subscribers.
        host: where the API is served.
        port: the same; 0: any that is free.
        name: by which clients reach it; None: `host`.
        serves: the API's certificate, for https://; None: http://.
        trusts: the certificates that webhooks and sockets are held against; None: the system's.
        talk: how `talk`, `stream` and `wait` pass: "aloud" says them if espeak-ng is installed.
        assume: what is not published.
        public: it may call hosts on the internet; by default, private and loopback ones only.
        folder: where the files lie that subscribers name.
        on_moment: told what happens in any call.
        on_problem: told what goes wrong in any call.
        on_exchange: told about each webhook and its reply.

    """

    def __init__(
        self,
        registration: Registration | None = None,
        *,
        callees: Mapping[str, Callee] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str | None = None,
        serves: ssl.SSLContext | None = None,
        trusts: ssl.SSLContext | None = None,
        talk: TalkMode = "aloud",
        assume: Assumptions | None = None,
        public: bool = False,
        folder: Path | None = None,
        on_moment: Callable[[Moment], None] | None = None,
        on_problem: Callable[[Problem], None] | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._registration = registration or Registration()
        self._host = host
        self._port = port
        self._name = name or host
        self._serves = serves
        assume = assume or Assumptions()
        own = self._registration
        signer = Signer.of(own.signature_secret, own.api_key, own.id)
        self._behaviour = Behaviour(
            talk=talk,
            assume=assume,
            signer=signer,
            steady=True,
            keeps=False,
            local_only=not public,
            tls=trusts,
        )
        self._webhooks = WebhookClient(
            trusts,
            signer,
            on_exchange=on_exchange,
            fresh_tokens=assume.retry_jti == "fresh",
            local_only=not public,
        )
        subscribers = own.subscribers.items()
        known = {n: s.callee(folder or Path.cwd()) for n, s in subscribers}
        self.switch = Switch(
            own,
            self._behaviour,
            self._webhooks,
            known | dict(callees or {}),
            assume.connects == "counted",
            on_moment,
            on_problem,
        )
        self._open = contextlib.AsyncExitStack()

    @property
    def url(self) -> str:
        """Where the API is served."""
        return self.switch.url

    def subscribe(self, number: str, callee: Callee) -> None:
        """Say how a number takes calls from now on."""
        self.switch.callees[number] = callee

    def telephone(self, number: str) -> Telephone | None:
        """Return the telephone of the latest call to or from a number; None: there was none."""
        found = (phone for phone in reversed(self.switch.telephones) if phone.number == number)
        return next(found, None)

    def room(self, name: str) -> Conversation:
        """Return the conversation of that name."""
        return self.switch.room(name)

    def dial(self, number: str, *, caller: str, behaves: Callee | None = None) -> Telephone:
        """Place a call to the application.

        Args:
            number: the application's.
            caller: who calls.
            behaves: what they say and press once they are answered, and when they hang up.

        Returns:
            Their telephone, on which they may say, press and hear more, and hang up.

        Raises:
            RegistrationError: the application has no answer URL.

        """
        behaves = behaves or Callee()
        telephone = Telephone(caller, behaves=behaves, keep=behaves.keep)
        self.switch.dial(caller, number, telephone)
        return telephone

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._webhooks)
            runner = web.AppRunner(
                application_of(self.switch), access_log=None, shutdown_timeout=CLOSING_SECONDS
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, self._host, self._port, ssl_context=self._serves)
            await site.start()
            stack.push_async_callback(self.switch.close)
            scheme = "https" if self._serves else "http"
            host = f"[{self._name}]" if ":" in self._name else self._name
            self.switch.url = f"{scheme}://{host}:{runner.addresses[0][1]}"
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()
