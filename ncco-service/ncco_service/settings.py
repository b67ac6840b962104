"""Every setting, read once from the environment and checked at the start."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    Variable("THREADS", "16", "requests served at the same time"),
    Variable("LOG_LEVEL", "info", "debug, info, warning or error"),
    Variable("LOG_NUMBERS", "0", "1 writes callers' numbers to the log unmasked"),
    Variable(
        "NCCO_FILE",
        "ncco.json",
        "the document that answers a call; default: the one beside the code",
    ),
    Variable("NCCO_FALLBACK_FILE", "ncco-fallback.json", "what a caller hears when all else fails"),
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
)


@dataclass(frozen=True)
class Settings:
    """What the variables say, as values. The names are those of the variables."""

    host: str
    port: int
    threads: int
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

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Args:
            environ: the environment, such as ``os.environ``; an empty value counts as unset.

        Raises:
            SettingsError: listing every variable that is wrong.

        """
        read = _Reader(environ)
        settings = cls(
            host=read("HOST", parse.host),
            port=read("PORT", parse.integer(0, 65535)),
            threads=read("THREADS", parse.integer(1, 256)),
            log_level=read("LOG_LEVEL", parse.choice("debug", "info", "warning", "error")),
            log_numbers=read("LOG_NUMBERS", parse.flag),
            ncco_file=read("NCCO_FILE", _document),
            ncco_fallback_file=read("NCCO_FALLBACK_FILE", _document),
            socket_url=read("SOCKET_URL", parse.optional(parse.url("ws", "wss"))),
            public_url=read("PUBLIC_URL", parse.optional(parse.base_url("http", "https"))),
            ngrok_api_url=read("NGROK_API_URL", parse.optional(parse.base_url("http", "https"))),
            socket_upstreams=read("SOCKET_UPSTREAMS", parse.items(parse.upstream)),
            webhook_upstreams=read("WEBHOOK_UPSTREAMS", parse.items(parse.upstream)),
            agent_poll_seconds=read("AGENT_POLL_SECONDS", parse.seconds(0.1, 3600)),
            local_hosts=read("LOCAL_HOSTS", parse.items(parse.host)),
            trusted_proxies=read("TRUSTED_PROXIES", parse.items(parse.network_or_name)),
            max_body_bytes=read("MAX_BODY_BYTES", parse.integer(1024, 16 * 1024 * 1024)),
        )
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
        text = self._environ.get(name, "").strip() or default
        try:
            return read(text)
        except ValueError as problem:
            unset = f"unset it for the default ({default})" if default else "unset it"
            self.problems.append(f"{name} is {text!r}; it must be {problem}; or {unset}")
            return read(default)


def _document(text: str) -> Path:
    """Find a document: as given from the working directory, a default one beside the package."""
    defaults = {"ncco.json", "ncco-fallback.json"}
    return _HOME / text if text in defaults else parse.path(text)
