"""The application that is called, and the behaviour of the simulated platform."""

import ssl
from dataclasses import dataclass, field

from phone.constants import HANDSHAKE_TIMEOUT, Method, TalkMode
from phone.legs.assumptions import Assumptions
from phone.legs.faults import Faults
from phone.platform.webhooks.signature import Signer

__all__ = ["Application", "Behaviour"]


@dataclass(frozen=True)
class Application:
    """The webhooks of the application that is called.

    Args:
        answer_url: asked for the NCCO.
        method: of the answer webhook and its fallback.
        event_url: gets events; None: the one that the NCCO names first.
        fallback_url: asked when others fail.

    """

    answer_url: str
    method: Method = "GET"
    event_url: str | None = None
    fallback_url: str | None = None


@dataclass(frozen=True)
class Behaviour:
    """How the platform behaves.

    Args:
        talk: how `talk`, `stream` and `wait` pass.
        rate: refuse an NCCO that asks for another rate, in Hz; None: take what it says.
        strict: count warnings as failures, and end a socket where the platform has been seen to.
        faults: what goes wrong on purpose.
        assume: what is not published.
        handshake_timeout: seconds for opening a socket.
        signer: signs webhooks, and handshakes that ask for it; None: nothing is signed.
        steady: send silence on sockets while nobody speaks.
        keeps: keep every frame of a socket, for a report.
        local_only: open no socket on the internet.
        tls: the trusted certificates; None: the system's.

    """

    talk: TalkMode = "at-once"
    rate: int | None = None
    strict: bool = False
    faults: Faults = field(default_factory=Faults)
    assume: Assumptions = field(default_factory=Assumptions)
    handshake_timeout: float = HANDSHAKE_TIMEOUT
    signer: Signer | None = None
    steady: bool = False
    keeps: bool = True
    local_only: bool = False
    tls: ssl.SSLContext | None = None
