"""Every setting, read once from the environment and checked at the start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ncco_service import parse

__all__ = ["VARIABLES", "Settings", "SettingsError", "Variable"]

T = TypeVar("T")

# The documents lie beside the package, in the source tree as in the image.
_HOME = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Variable:
    """One environment variable: its name, its default ("" = unset) and one line of why."""

    name: str
    default: str
    help: str


class SettingsError(Exception):
    """Some settings are wrong; ``problems`` names each, what was seen and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


VARIABLES: tuple[Variable, ...] = (
    Variable("HOST", "127.0.0.1", "address to listen on; the image sets 0.0.0.0"),
    Variable("PORT", "8000", "port to listen on; 0 takes any free one"),
    Variable(
        "WORKER_CONNECTIONS",
        "1000",
        "connections open at the same time; with MAX_BODY_BYTES it bounds the memory of all bodies",
    ),
    Variable("LOG_LEVEL", "info", "debug, info, warning or error"),
    Variable("LOG_NUMBERS", "0", "1 writes callers' numbers to the log unmasked"),
    Variable(
        "NCCO_FILE",
        "ncco.json",
        "the document that answers a call; default: the one beside the code",
    ),
    Variable("NCCO_FALLBACK_FILE", "ncco-fallback.json", "what a caller hears when all else fails"),
    Variable("NCCO_BUSY_FILE", "ncco-busy.json", "what a caller hears when all lines are busy"),
    Variable("SOCKET_URL", "", "where the platform reaches the socket, such as wss://host/socket"),
    Variable("PUBLIC_URL", "", "where it reaches the webhooks, such as https://host; for events"),
    Variable("NGROK_API_URL", "", "the tunnel agent's API, such as http://ngrok:4040"),
    Variable(
        "SOCKET_UPSTREAMS",
        "echo-service:8001,gateway:8080",
        "tunnels that lead to the socket, by the host:port behind them; the first found is taken",
    ),
    Variable(
        "WEBHOOK_UPSTREAMS",
        "ncco-service:8000,gateway:8080",
        "tunnels that lead to the webhooks, likewise",
    ),
    Variable("AGENT_POLL_SECONDS", "5", "seconds between two questions to the tunnel agent"),
    Variable("LOCAL_HOSTS", "gateway", "names, beside localhost, that callers on this machine use"),
    Variable(
        "TRUSTED_PROXIES",
        "",
        "addresses, networks or host names whose X-Forwarded-Proto and -Host are believed",
    ),
    Variable("MAX_BODY_BYTES", "65536", "longest webhook body in bytes; longer ones get 413"),
    Variable("REQUEST_SECONDS", "3", "seconds that a request may take to come in and be answered"),
    Variable(
        "VONAGE_SIGNATURE_SECRET",
        "",
        "the account's signature secret; with it, only webhooks signed by Vonage are taken",
    ),
    Variable("VONAGE_SIGNATURE_SECRET_FILE", "", "a file that holds it instead"),
    Variable("VONAGE_SIGNATURE_SECRET_PREVIOUS", "", "the former one, also taken during a change"),
    Variable("VONAGE_SIGNATURE_SECRET_PREVIOUS_FILE", "", "a file that holds it instead"),
    Variable("VONAGE_API_KEY", "", "the account's key; if set, signed webhooks have to name it"),
    Variable("VONAGE_APPLICATION_ID", "", "the application's id, likewise"),
    Variable(
        "SOCKET_AUTH",
        "",
        "who may open the socket: ticket (who we sent), vonage (who Vonage signed for), none "
        "(anybody); by default ticket if there is a SOCKET_SECRET, else none",
    ),
    Variable("SOCKET_SECRET", "", "shared with the echo service, 32 characters or more"),
    Variable("SOCKET_SECRET_FILE", "", "a file that holds it instead"),
    Variable("TICKET_SECONDS", "300", "seconds a ticket is good for; the greeting plays before"),
    Variable(
        "ECHO_READY_URL",
        "",
        "the echo service's readiness, such as http://echo-service:8001/readyz; asked in the "
        "background, so that callers hear when all lines are busy",
    ),
    Variable("ECHO_POLL_SECONDS", "2", "seconds between two such questions"),
    Variable(
        "PROBE_SOCKET",
        "",
        "1 tries the socket's public address now and then; by default if NGROK_API_URL is set",
    ),
    Variable("PROBE_SECONDS", "30", "seconds between two such attempts that succeed"),
)

_REPLACED = {"THREADS": "unset it, and set WORKER_CONNECTIONS if the default is too few or many"}


@dataclass(frozen=True)
class Settings:
    """What the variables say, as values. The names are those of the variables."""

    host: str
    port: int
    worker_connections: int
    log_level: str
    log_numbers: bool
    ncco_file: Path
    ncco_fallback_file: Path
    socket_url: str | None
    public_url: str | None
    ngrok_api_url: str | None
    socket_upstreams: tuple[str, ...]
    webhook_upstreams: tuple[str, ...]
    agent_poll_seconds: float
    local_hosts: tuple[str, ...]
    trusted_proxies: tuple[parse.Network | str, ...]
    max_body_bytes: int
    request_seconds: float
    vonage_signature_secrets: tuple[str, ...] = field(repr=False)
    vonage_api_key: str | None
    vonage_application_id: str | None
    socket_auth: str
    socket_secret: str | None = field(repr=False)
    ticket_seconds: int
    echo_ready_url: str | None
    echo_poll_seconds: float
    ncco_busy_file: Path
    probe_socket: bool
    probe_seconds: float

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Args:
            environ: the environment, such as ``os.environ``; an empty value counts as unset.

        Raises:
            SettingsError: listing every variable that is wrong.

        """
        read = _Reader(environ)
        signature_secrets = (
            read.secret("VONAGE_SIGNATURE_SECRET", parse.signature_secret),
            read.secret("VONAGE_SIGNATURE_SECRET_PREVIOUS", parse.signature_secret),
        )
        socket_secret = read.secret("SOCKET_SECRET", parse.socket_secret)
        ngrok_api_url = read("NGROK_API_URL", parse.optional(parse.base_url("http", "https")))
        probe_socket = read("PROBE_SOCKET", parse.optional(parse.flag))
        settings = cls(
            host=read("HOST", parse.host),
            port=read("PORT", parse.integer(0, 65535)),
            worker_connections=read("WORKER_CONNECTIONS", parse.integer(1, 100_000)),
            log_level=read("LOG_LEVEL", parse.choice("debug", "info", "warning", "error")),
            log_numbers=read("LOG_NUMBERS", parse.flag),
            ncco_file=read("NCCO_FILE", _document),
            ncco_fallback_file=read("NCCO_FALLBACK_FILE", _document),
            socket_url=read("SOCKET_URL", parse.optional(parse.url("ws", "wss"))),
            public_url=read("PUBLIC_URL", parse.optional(parse.base_url("http", "https"))),
            ngrok_api_url=ngrok_api_url,
            socket_upstreams=read("SOCKET_UPSTREAMS", parse.items(parse.upstream)),
            webhook_upstreams=read("WEBHOOK_UPSTREAMS", parse.items(parse.upstream)),
            agent_poll_seconds=read("AGENT_POLL_SECONDS", parse.seconds(0.1, 3600)),
            local_hosts=read("LOCAL_HOSTS", parse.items(parse.host)),
            trusted_proxies=read("TRUSTED_PROXIES", parse.items(parse.network_or_name)),
            max_body_bytes=read("MAX_BODY_BYTES", parse.integer(1024, 16 * 1024 * 1024)),
            request_seconds=read("REQUEST_SECONDS", parse.seconds(1, 600)),
            vonage_signature_secrets=tuple(each for each in signature_secrets if each),
            vonage_api_key=read("VONAGE_API_KEY", parse.optional(parse.word)),
            vonage_application_id=read("VONAGE_APPLICATION_ID", parse.optional(parse.word)),
            socket_auth=_socket_auth(read, socket_secret),
            socket_secret=socket_secret,
            ticket_seconds=read("TICKET_SECONDS", parse.integer(10, 3600)),
            echo_ready_url=read("ECHO_READY_URL", parse.optional(parse.url("https", "http"))),
            echo_poll_seconds=read("ECHO_POLL_SECONDS", parse.seconds(0.1, 3600)),
            ncco_busy_file=read("NCCO_BUSY_FILE", _document),
            probe_socket=ngrok_api_url is not None if probe_socket is None else probe_socket,
            probe_seconds=read("PROBE_SECONDS", parse.seconds(1, 3600)),
        )
        read.problems += [
            f"{old} is set, but is no longer a setting; {hint}"
            for old, hint in _REPLACED.items()
            if environ.get(old, "").strip()
        ]
        if read.problems:
            raise SettingsError(read.problems)
        return settings


class _Reader:
    """Parse variables one by one, and collect what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._defaults = {variable.name: variable.default for variable in VARIABLES}
        self.problems: list[str] = []

    def __call__(self, name: str, read: Callable[[str], T]) -> T:
        default = self._defaults[name]
        try:
            return read(self._text(name) or default)
        except ValueError as problem:
            unset = f"unset it for the default ({default})" if default else "unset it"
            seen = repr(self._text(name))
            self.problems.append(f"{name} is {seen}; it must be {problem}; or {unset}")
            return read(default)

    def secret(self, name: str, read: Callable[[str], str]) -> str | None:
        """Read a secret from NAME or from the file that NAME_FILE names; None if neither has it."""
        text, file = self._text(name), self._text(f"{name}_FILE")
        if text and file:
            self.problems.append(f"{name} and {name}_FILE are both set; unset one of them")
            return None
        if file:
            name = f"{name}_FILE"
            try:
                text = Path(file).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                problem = "is not text" if isinstance(error, UnicodeDecodeError) else error.strerror
                self.problems.append(f"{name} is {file!r}, which cannot be read ({problem})")
                return None
        try:
            return read(text) if text else None
        except ValueError as problem:
            seen = f"a secret of {len(text)} characters (not shown)"
            self.problems.append(f"{name} holds {seen}; it must be {problem}")
            return None

    def _text(self, name: str) -> str:
        return self._environ.get(name, "").strip()


def _socket_auth(read: _Reader, socket_secret: str | None) -> str:
    chosen = read("SOCKET_AUTH", parse.optional(parse.choice("ticket", "vonage", "none")))
    if chosen == "ticket" and socket_secret is None:
        read.problems.append(
            "SOCKET_AUTH is 'ticket' without a secret to sign tickets; set SOCKET_SECRET or "
            "SOCKET_SECRET_FILE, the same here and for the echo service (openssl rand -hex 32)"
        )
    return chosen or ("ticket" if socket_secret else "none")


def _document(text: str) -> Path:
    """Find a document: as given from the working directory, a default one beside the package."""
    defaults = {"ncco.json", "ncco-fallback.json", "ncco-busy.json"}
    return _HOME / text if text in defaults else parse.path(text)
