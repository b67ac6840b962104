"""The softphone's settings."""

from dataclasses import dataclass, field
from pathlib import Path

from phone.constants import API_KEY
from phone.legs.plan import ANSWER_URL

__all__ = ["PORT", "SoftphoneSettings"]

PORT = 8091


@dataclass(frozen=True)
class SoftphoneSettings:
    """Settings of `phone serve`.

    Args:
        answer_url: what the page calls unless its user says otherwise.
        event_url: of the calls; None: the first one that the NCCO names.
        host: to listen on.
        port: the same; 0: any that is free.
        names: hosts by which the page may be called, besides loopback's and `host`.
        signature_secret: signs webhooks; None: nothing is signed.
        api_key: the account's, in signatures.
        application_id: the application's, in signatures.
        ca_file: PEM file of an authority to trust besides the system's.
        readiness: services whose readiness the page shows: URLs by name.
        readiness_host: the `Host` of those requests, for services that decide by it whether they
            are ready; None: the URL's.
        calls_url: echo-service's list of live calls; None: not shown.

    """

    answer_url: str = ANSWER_URL
    event_url: str | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    names: tuple[str, ...] = ()
    signature_secret: str | None = field(default=None, repr=False)
    api_key: str = API_KEY
    application_id: str | None = None
    ca_file: Path | None = None
    readiness: dict[str, str] = field(default_factory=dict)
    readiness_host: str | None = None
    calls_url: str | None = None
