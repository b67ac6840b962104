"""The table of settings: each one's name, type, default and purpose, in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ncco_service.settings import values
from ncco_service.settings.environment import Environment, SettingsError
from ncco_service.settings.values import choice, duration, integer, is_loopback, optional

__all__ = ["VARIABLES", "Settings", "Variable"]

_REPLACED = {"THREADS": "unset it; WORKER_CONNECTIONS bounds how many peers are served at once"}


def _setting(default: str, purpose: str, *, secret: bool = False) -> Any:
    """Describe a setting: its default as written in the environment ("": unset), its purpose."""
    return Field(default=default, description=purpose, repr=not secret)


class Settings(BaseSettings):
    """All settings as values; the variable of `worker_connections` is WORKER_CONNECTIONS."""

    model_config = SettingsConfigDict(frozen=True, validate_default=True, extra="forbid")

    settings_file: Annotated[Path | None, optional(Path)] = _setting(
        "",
        "a file of NAME=VALUE lines that replace the variables of these names, such as phone "
        "platform writes; as if empty while it is not there; a change restarts the service",
    )
    host: values.Host = _setting("127.0.0.1", "address to listen on; the image sets 0.0.0.0")
    port: values.Port = _setting("8000", "port to listen on; 0 takes any free one")
    metrics_host: values.Host = _setting(
        "127.0.0.1", "address for metrics; whoever reaches it may read them"
    )
    metrics_port: values.Port = _setting("9000", "port for the same; 0 takes any free one")
    worker_connections: Annotated[int, integer(1, 100_000)] = _setting(
        "1000",
        "connections open at the same time; with MAX_BODY_BYTES it bounds the memory of all bodies",
    )
    log_level: Annotated[str, BeforeValidator(choice("debug", "info", "warning", "error"))] = (
        _setting("info", "debug, info, warning or error")
    )
    log_format: Annotated[str, BeforeValidator(choice("logfmt", "json", "console"))] = _setting(
        "logfmt", "format of the log: logfmt, json, or console (for reading while developing)"
    )
    log_numbers: values.Flag = _setting("0", "1 writes callers' numbers to the log unmasked")
    ncco_file: values.Document = _setting(
        "ncco.json", "the document that answers a call; default: the one beside the code"
    )
    ncco_fallback_file: values.Document = _setting(
        "ncco-fallback.json", "what a caller hears when the socket or the answer failed"
    )
    ncco_busy_file: values.Document = _setting(
        "ncco-busy.json", "what a caller hears when all lines are busy"
    )
    ncco_after_file: values.Document = _setting(
        "ncco-after.json",
        "what a caller gets after a handler of echo-service hung up; by default nothing: the call "
        "ends",
    )
    ncco_call_file: values.Document = _setting(
        "ncco-call.json", "the document of calls that we start, with the socket they lead to"
    )
    ncco_meeting_file: values.Document = _setting(
        "ncco-meeting.json", "the document that answers the numbers in MEETINGS with a room"
    )
    socket_url: Annotated[str | None, optional(values.url("ws", "wss"))] = _setting(
        "", "where the platform reaches the socket, such as wss://host/socket"
    )
    public_url: Annotated[str | None, optional(values.public_url)] = _setting(
        "", "where the platform reaches the webhooks, such as https://host; for events"
    )
    ngrok_api_url: values.BaseUrl = _setting(
        "", "the tunnel agent's API, such as http://ngrok:4040"
    )
    socket_upstreams: values.Upstreams = _setting(
        "echo-service:8001,gateway:8080",
        "tunnels that lead to the socket, by the host:port behind them; the first found is taken",
    )
    webhook_upstreams: values.Upstreams = _setting(
        "ncco-service:8000,gateway:8080",
        "tunnels that lead to the webhooks, by the host:port behind them; the first found is taken",
    )
    agent_poll_seconds: Annotated[float, duration(0.1, 3600)] = _setting(
        "5", "seconds between two requests to the tunnel agent"
    )
    local_hosts: values.Hosts = _setting(
        "gateway", "host names, beside localhost, by which callers on this machine reach us"
    )
    trusted_proxies: values.Networks = _setting(
        "", "addresses, networks or host names whose X-Forwarded-Proto and -Host are believed"
    )
    max_body_bytes: Annotated[int, integer(1024, 16 * 1024 * 1024)] = _setting(
        "65536", "longest webhook body in bytes; longer ones get 413"
    )
    request_seconds: Annotated[float, duration(1, 600)] = _setting(
        "3", "seconds that a request may take to arrive and be answered"
    )
    vonage_signature_secret: values.SignatureSecret = _setting(
        "",
        "the account's signature secret; with it, only webhooks signed by Vonage are accepted",
        secret=True,
    )
    vonage_signature_secret_previous: values.SignatureSecret = _setting(
        "", "the previous secret, still accepted during rotation", secret=True
    )
    vonage_api_key: values.Word = _setting(
        "", "the account's key; if set, signed webhooks must name it"
    )
    vonage_application_id: values.Word = _setting(
        "", "the application's id; if set, signed webhooks must name it"
    )
    vonage_api_secret: values.ApiSecret = _setting(
        "",
        "the account's API secret; with it, key and id, this service writes its addresses into the "
        "Vonage application",
        secret=True,
    )
    vonage_api_url: Annotated[str, BeforeValidator(values.base_url("http", "https"))] = _setting(
        "https://api.nexmo.com", "Vonage's API; a simulated one is http://localhost:8090"
    )
    vonage_private_key: values.PrivateKey = _setting(
        "", "the application's private key (PEM); with it, calls can be started", secret=True
    )
    vonage_number: values.Number = _setting(
        "", "the application's number that calls come from; by default any of its numbers"
    )
    calls_per_second: Annotated[int, integer(1, 1000)] = _setting(
        "3", "calls started in any second at most; Vonage allows 3 unless it has raised that"
    )
    calls_file: Annotated[Path | None, optional(values.writable)] = _setting(
        "",
        "a file that keeps Idempotency-Keys and meetings over a restart, so that a repeated "
        "request calls nobody twice; each process needs its own; unset, a restart forgets them",
    )
    local_url: values.BaseUrl = _setting(
        "",
        "where a telephone network on this machine reaches us, such as http://gateway:8080; for "
        "calls that we start, when neither SOCKET_URL, PUBLIC_URL nor the tunnel says it",
    )
    operator_host: values.Host = _setting(
        "127.0.0.1", "address of the operator's interface, through which calls are started"
    )
    operator_port: values.Port = _setting(
        "8002", "its port; 0 takes any free one; nothing listens without VONAGE_PRIVATE_KEY"
    )
    operator_token: values.SocketSecret = _setting(
        "",
        "what an operator must send (Authorization: Bearer), 32 characters or more; required when "
        "OPERATOR_HOST lets other machines in",
        secret=True,
    )
    answered_key: values.Key = _setting(
        "8", "the key that tells the socket of a socket-first call that the person has answered"
    )
    machine_key: values.Key = _setting(
        "9", "the key that tells a socket of an answering machine, and the second time of its beep"
    )
    meetings: values.Meetings = _setting(
        "", "numbers that lead into a room: number=room, separated by commas"
    )
    meeting_socket: Annotated[str, BeforeValidator(choice("speak", "listen", "none"))] = _setting(
        "speak", "whether the socket comes into a room with the first person: speak, listen or none"
    )
    socket_secret: values.SocketSecret = _setting(
        "", "shared with the echo service, 32 characters or more", secret=True
    )
    socket_auth: Annotated[str | None, optional(choice("ticket", "vonage", "none"))] = _setting(
        "",
        "who may open the socket: ticket (calls we answered), vonage (calls Vonage signed for), "
        "none (anybody); by default ticket if there is a SOCKET_SECRET, else none",
    )
    ticket_seconds: Annotated[int, integer(10, 3600)] = _setting(
        "300", "lifetime of a ticket in seconds; the greeting plays before it is used"
    )
    echo_ready_url: Annotated[str | None, optional(values.url("https", "http"))] = _setting(
        "",
        "the echo service's readiness, such as http://echo-service:8001/readyz; polled in the "
        "background, all replicas behind the name, so that callers hear when all lines are busy",
    )
    echo_poll_seconds: Annotated[float, duration(0.1, 3600)] = _setting(
        "2", "seconds between two requests to ECHO_READY_URL"
    )
    echo_status_url: Annotated[str | None, optional(values.base_url("http"))] = _setting(
        "",
        "where every replica of echo-service tells how a call ended, such as "
        "http://echo-service:9001/calls; all replicas behind the name are asked at once",
    )
    disconnected_means: Annotated[
        Literal["accident", "done"], BeforeValidator(choice("accident", "done"))
    ] = _setting(
        "accident",
        "without ECHO_STATUS_URL: whether a closed socket was an accident (the call is connected "
        "again) or done (it is over)",
    )
    reconnects: Annotated[int, integer(0, 20)] = _setting(
        "5", "reconnections of a call to its socket in a minute; then the caller hears the apology"
    )
    otel_exporter_otlp_endpoint: values.BaseUrl = _setting(
        "",
        "an OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318, which gets a "
        "trace of each call; needs the extra traces",
    )
    probe_socket: values.OptionalFlag = _setting(
        "",
        "1 tries the socket's public address regularly, 0 never; by default it is tried if "
        "NGROK_API_URL is set, and with SOCKET_URL alone until it has opened once",
    )
    probe_seconds: Annotated[float, duration(1, 3600)] = _setting(
        "30", "seconds between two such attempts while they succeed"
    )

    @property
    def vonage_signature_secrets(self) -> tuple[str, ...]:
        """The signature secrets that are accepted, the current one first."""
        both = (self.vonage_signature_secret, self.vonage_signature_secret_previous)
        return tuple(secret for secret in both if secret)

    @property
    def points_application(self) -> bool:
        """Whether the Vonage application is pointed here."""
        given = (self.vonage_application_id, self.vonage_api_key, self.vonage_api_secret)
        return all(given)

    @field_validator("vonage_private_key")
    @classmethod
    def _with_its_application(cls, key: str | None, info: ValidationInfo) -> str | None:
        if key is not None and not info.data.get("vonage_application_id"):
            raise PydanticCustomError(
                "setting",
                "is set without VONAGE_APPLICATION_ID; set that to the id of the key's application",
            )
        return key

    @field_validator("operator_port")
    @classmethod
    def _apart_from_the_webhooks(cls, port: int, info: ValidationInfo) -> int:
        if port and port == info.data.get("port") and info.data.get("vonage_private_key"):
            raise PydanticCustomError("setting", "is the same as PORT; set it to another port")
        return port

    @field_validator("operator_token")
    @classmethod
    def _needed_for_other_machines(cls, token: str | None, info: ValidationInfo) -> str | None:
        host = info.data.get("operator_host", "")
        if token is None and info.data.get("vonage_private_key") and not is_loopback(host):
            raise PydanticCustomError(
                "setting",
                f"is not set, but OPERATOR_HOST={host} lets other machines in; set OPERATOR_TOKEN "
                "or OPERATOR_TOKEN_FILE (openssl rand -hex 32), or OPERATOR_HOST to 127.0.0.1",
            )
        return token

    @field_validator("socket_auth")
    @classmethod
    def _by_default_with_the_secret(cls, chosen: str | None, info: ValidationInfo) -> str:
        secret = info.data.get("socket_secret")
        if chosen == "ticket" and secret is None:
            raise PydanticCustomError(
                "setting",
                "is 'ticket' without a secret to sign tickets; set SOCKET_SECRET or "
                "SOCKET_SECRET_FILE, the same here and for the echo service (openssl rand -hex 32)",
            )
        return chosen or ("ticket" if secret else "none")

    @property
    def probe(self) -> Literal["always", "once", "never"]:
        """How often the socket's public address is tried.

        Once where only SOCKET_URL says it: that may be somebody else's application, or not be
        reachable from here.
        """
        if self.probe_socket is not None:
            return "always" if self.probe_socket else "never"
        if self.ngrok_api_url:
            return "always"
        return "once" if self.socket_url else "never"

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Args:
            environ: the environment, such as `os.environ`; an empty value counts as unset.

        Raises:
            SettingsError: listing every variable that is wrong.

        """
        source = Environment(cls, environ)
        problems = [
            f"{old} is set, but is no longer a setting: {hint}"
            for old, hint in _REPLACED.items()
            if environ.get(old, "").strip()
        ]
        try:
            settings = cls(_build_sources=((source,), {}))  # type: ignore[call-arg]  # mypy sees the fields only
        except ValidationError as error:
            raise SettingsError(source.problems + source.explain(error) + problems) from None
        if source.problems or problems:
            raise SettingsError(source.problems + problems)
        return settings


@dataclass(frozen=True)
class Variable:
    """One environment variable: its name, its default ("": unset) and its purpose in one line."""

    name: str
    default: str
    help: str


def _variables() -> tuple[Variable, ...]:
    found = []
    for name, field in Settings.model_fields.items():
        found.append(Variable(name.upper(), field.default, field.description or ""))
        if values.SECRET in field.metadata:
            found.append(Variable(f"{name.upper()}_FILE", "", "a file that holds it instead"))
    return tuple(found)


VARIABLES = _variables()
