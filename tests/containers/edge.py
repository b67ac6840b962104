"""The stack with a tunnel: stand-ins for ngrok's agent and for its public side with TLS."""

from __future__ import annotations

import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trustme

from tests.compose import ComposeStack
from tests.engine import IMAGES
from tests.waiting import until

__all__ = ["FIRST", "SECOND", "Caller", "Endpoint", "TunnelStack"]

HERE = Path(__file__).resolve().parent / "agent"
FIRST, SECOND = "first.ngrok-free.test", "second.ngrok-free.test"
DOMAINS = ("webhooks.example.com", "socket.example.com")

Endpoint = tuple[str, str, str]
"""Name, public URL and upstream of an endpoint in the agent's list."""


class TunnelStack(ComposeStack):
    """The stack with a token, and so a tunnel, and the stand-ins.

    Args:
        edge: a folder for the certificates and the switches.
        config: the agent's configuration, a file name in the folder `ngrok`.

    """

    def __init__(self, edge: Path, config: str = "ngrok.yml") -> None:
        self._edge = edge
        super().__init__(
            files=[HERE / "docker-compose.yml"],
            env={
                "NGROK_AUTHTOKEN": "not-a-real-token",
                "NGROK_CONFIG_FILE": config,
                "NGROK_IMAGE": "python:3.13-slim",
                "EDGE_IMAGE": f"{IMAGES}:gateway",
                "STAND_IN": str(HERE),
                "EDGE": str(edge),
            },
        )

    def __enter__(self) -> Self:
        """Issue certificates, then start everything."""
        authority = trustme.CA()
        certificate = authority.issue_cert(FIRST, SECOND, *DOMAINS)
        authority.cert_pem.write_to_path(self._edge / "ca.pem")
        certificate.private_key_and_cert_chain_pem.write_to_path(self._edge / "server.pem")
        self._edge.chmod(0o755)  # the containers' users do not own them
        for file in self._edge.iterdir():
            file.chmod(0o644)
        return super().__enter__()

    def switch(self, listed: Sequence[Endpoint] = (), **moods: str) -> None:
        """Change the agent's answers.

        Args:
            listed: its endpoints, instead of those in its configuration.
            moods: for `endpoints` (the new list) and `tunnels` (the old one): ok, empty, 404,
                garbage, slow, silent.

        """
        items = [{"name": name, "url": url, "upstream": to} for name, url, to in listed]
        new = self._edge / "switches.new"
        new.write_text(json.dumps({"list": items, **moods}))
        new.chmod(0o644)
        os.replace(new, self._edge / "switches.json")

    def phone(self, *arguments: str) -> dict[str, Any]:
        """Place a call from the phone's container and return its report."""
        done = self.run("run", "--rm", "--no-deps", "phone", "call", "--json", *arguments)
        begin = done.stdout.index("\n{") if not done.stdout.startswith("{") else 0
        return dict(json.loads(done.stdout[begin:]))


@dataclass(frozen=True)
class Answered:
    """A response of ncco-service: when it came, how long it took, status and body."""

    at: float
    seconds: float
    status: int
    body: Any

    @property
    def socket(self) -> str | None:
        """The socket's URL in the NCCO, or None without an NCCO."""
        if self.status != 200:
            return None
        return str(self.body[-1]["endpoint"][0]["uri"])


class Caller:
    """Requests the answer URL ten times a second from outside, and keeps the responses.

    Args:
        stack: whose answer URL.
        host: the public hostname of the requests.

    """

    def __init__(self, stack: ComposeStack, host: str = FIRST) -> None:
        self._url = f"{stack.answer_url}?from=447700900000&to=447700900001&uuid=u"
        self._headers = {"Host": host, "X-Forwarded-Proto": "https"}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go, name="caller")
        self.answers: list[Answered] = []

    def __enter__(self) -> Self:
        """Start the requests."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the requests."""
        self._stop.set()
        self._thread.join()

    def until(self, wanted: Callable[[Answered], bool], what: str, seconds: float) -> float:
        """Return the seconds from now until a response is as wanted."""
        begin = time.monotonic()
        seen = len(self.answers)

        def found() -> bool:
            return any(wanted(answer) for answer in self.answers[seen:])

        until(found, what, seconds)
        return next(a.at for a in self.answers[seen:] if wanted(a)) - begin

    def during(self, seconds: float, count: int) -> list[Answered]:
        """Return the responses of the next `seconds`, or longer until there are `count`."""
        seen = len(self.answers)
        self._stop.wait(seconds)
        until(lambda: len(self.answers) >= seen + count, f"{count} answers", 60)
        return self.answers[seen:]

    def _go(self) -> None:
        while not self._stop.wait(0.1):
            begin = time.monotonic()
            status, body = ask(self._url, self._headers)
            end = time.monotonic()
            self.answers.append(Answered(end, end - begin, status, body))


def ask(url: str, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """GET a URL; return the status and the JSON, or 0 and what went wrong."""
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=15) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)
    except OSError as error:
        return 0, str(error)
