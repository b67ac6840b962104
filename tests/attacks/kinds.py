"""Differences between the kinds of stack, and their reasons."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.attacks.http import API_KEY, APPLICATION
from tests.attacks.operator import TOKEN
from tests.attacks.target import Limits
from tests.attacks.tickets import SIGNATURE_SECRET, SOCKET_SECRET
from tests.compose import ComposeStack
from tools.processes import ProcessStack
from tools.stack import SERVICES, Service, Stack

__all__ = ["ATTACKERS", "KINDS", "LIMITS", "Kind", "Part", "Settings", "Urls"]

Settings = Mapping[Service, Mapping[str, str]]
Part = Service | Literal["gateway"]

OPERATOR_PORT = 8002
"""Of the container."""

ATTACKERS = "127.0.0.66"
"""Source address of attacks on a process, so that it can tell them from its callers."""

LIMITS = Limits(
    handshake_seconds=2,
    close_seconds=5,
    stalled_seconds=2,
    dead_seconds=4,
    message_bytes=16384,
)
SETTINGS: Settings = {
    "echo-service": {
        "SOCKET_AUTH": "ticket",
        "SOCKET_SECRET": SOCKET_SECRET,
        "HANDSHAKE_SECONDS": f"{LIMITS.handshake_seconds:g}",
        "MAX_HANDSHAKES_PER_ADDRESS": "200",
        "MAX_MESSAGE_BYTES": str(LIMITS.message_bytes),
        "PING_INTERVAL": "1",
        "SILENCE_SECONDS": f"{LIMITS.dead_seconds:g}",
        "SLOW_READER_SECONDS": f"{LIMITS.stalled_seconds:g}",
    },
    "ncco-service": {
        "SOCKET_AUTH": "ticket",
        "SOCKET_SECRET": SOCKET_SECRET,
        "REQUEST_SECONDS": "2",
        "VONAGE_SIGNATURE_SECRET": SIGNATURE_SECRET,
        "VONAGE_API_KEY": API_KEY,
        "VONAGE_APPLICATION_ID": APPLICATION,
    },
}
"""Limits are short where an attack has to wait for them, and the services' own otherwise."""


def _calling() -> dict[str, str]:
    """Return the settings that open the operator's port; behind it no platform is reached."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return {
        "VONAGE_PRIVATE_KEY": pem.decode(),
        "VONAGE_API_URL": "http://127.0.0.1:9",
        "OPERATOR_PORT": "0",
    }


@dataclass(frozen=True)
class Urls:
    """What is attacked: the socket, the answer URL, and the operator's port."""

    socket: str
    answer: str
    operator: str


@dataclass(frozen=True)
class Kind:
    """A kind of stack as the battery needs to know it.

    Args:
        start: makes the stack, with tickets and signed webhooks.
        urls: of the running stack.
        limits: that a peer meets.
        parts: whose memory and files are watched.
        source: the address that attacks come from; None for the system's choice.
        fair: whether delays of the call beside the attacks can be told from the machine's.
        operator_token: that the operator's port asks for; None where only this machine reaches it.
        settle_seconds: until nothing of an attack is left open, with the connections that a
            part keeps for another part's next request.

    """

    start: Callable[[], AbstractContextManager[Stack]]
    urls: Callable[[Stack], Urls]
    limits: Limits
    parts: tuple[Part, ...]
    source: str | None
    fair: bool
    operator_token: str | None
    settle_seconds: float


def _processes() -> ProcessStack:
    calling = {**SETTINGS["ncco-service"], **_calling()}
    return ProcessStack({**SETTINGS, "ncco-service": calling})


def _process_urls(stack: Stack) -> Urls:
    found: list[str] = re.findall(r" operator url=(\S+)", stack.logs("ncco-service"))
    return Urls(stack.socket_url, stack.answer_url, found[-1])


def _compose() -> ComposeStack:
    """Return the stack on Compose, with the battery's secrets in place of its own files."""
    no_files = {"SOCKET_SECRET_FILE": "", "VONAGE_SIGNATURE_SECRET_FILE": ""}
    operator = {
        **_calling(),
        "VONAGE_PRIVATE_KEY_FILE": "",
        "OPERATOR_TOKEN_FILE": "",
        "OPERATOR_TOKEN": TOKEN,
        "OPERATOR_HOST": "0.0.0.0",
        "OPERATOR_PORT": str(OPERATOR_PORT),
    }
    merged: dict[Service, dict[str, str]] = {
        name: {**no_files, **values} for name, values in SETTINGS.items()
    }
    # The webhooks name a host that is not this machine's, as the telephone network's do.
    merged["ncco-service"] |= {"SOCKET_URL": "wss://voice.example.org/socket", **operator}
    return ComposeStack(merged, env={"SILENCE_SECONDS": f"{LIMITS.dead_seconds:g}"})


def _compose_urls(stack: Stack) -> Urls:
    """Return the gateway's own address, which the tunnel's agent uses, too.

    Behind the port that Docker publishes on loopback stands a proxy of Docker's: where a peer does
    not read, that keeps the peer's side open, though the gateway has hung up.
    """
    assert isinstance(stack, ComposeStack)
    host = f"{stack.address('gateway')}:8080"
    return Urls(
        f"ws://{host}{urlsplit(stack.socket_url).path}",
        f"http://{host}{urlsplit(stack.answer_url).path}",
        f"http://{stack.address('ncco-service')}:{OPERATOR_PORT}",
    )


KINDS: Mapping[str, Kind] = {
    "processes": Kind(
        start=_processes,
        urls=_process_urls,
        limits=LIMITS,
        parts=SERVICES,
        source=ATTACKERS,
        fair=True,
        operator_token=None,
        settle_seconds=10,
    ),
    "compose": Kind(
        start=_compose,
        urls=_compose_urls,
        # The gateway's own (gateway/haproxy.cfg), for all that happens before a call.
        limits=replace(
            LIMITS,
            handshake_seconds=5,
            request_seconds=10,
            unfinished=(400, 0, 408),
            keeps_alive=True,
            unfolds=True,
        ),
        parts=(*SERVICES, "gateway"),
        source=None,  # the echo service sees the gateway's address in any case
        operator_token=TOKEN,
        fair=False,  # a frame passes the gateway twice, and nobody can say for how long it waited
        settle_seconds=20,
    ),
}
