"""Table of all settings: read once, validated at startup."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

from .values import (
    Variable,
    base_url,
    choice,
    duration,
    integer,
    read_secret,
    secret,
    setting,
    switch,
)

__all__ = ["VARIABLES", "Settings", "SettingsError", "Variable"]


RENAMED = {"OBSERVE_HOST": "METRICS_HOST", "OBSERVE_PORT": "METRICS_PORT"}
"""Former names of settings. They stop startup: ignoring them would change where it listens."""


class SettingsError(ValueError):
    """Wrong settings: of each one the name, what was seen and what to do, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the service. `Settings()` has the defaults; a process uses `from_env`."""

    host: str = setting("127.0.0.1", str, "address to listen on; images set 0.0.0.0")
    port: int = setting("8001", integer(0, 65535), "port to listen on; 0 takes a free one")
    metrics_host: str = setting(
        "127.0.0.1", str, "address for metrics and live calls; whoever reaches it may read them"
    )
    metrics_port: int = setting("9001", integer(0, 65535), "port for the same; 0 takes a free one")
    log_level: str = setting(
        "info",
        choice("debug", "info", "warning", "error"),
        "how much is logged: debug, info, warning or error",
    )
    log_format: str = setting(
        "logfmt",
        choice("logfmt", "json", "console"),
        "format of the log: logfmt, json, or console (for developing)",
    )
    log_numbers: bool = setting(
        "0", switch, "1 logs callers' numbers and keys in full instead of masked"
    )
    drain_seconds: float = setting(
        "30",
        duration("seconds", 0, 86400),
        "seconds that live calls may continue after SIGTERM; those left are moved to another "
        "process; 0 moves all at once",
    )
    move_seconds: float = setting(
        "3", duration("seconds", 0, 3600), "seconds over which such moves are spread"
    )
    ping_interval: float = setting(
        "20", duration("seconds", 0, 3600), "seconds between pings to a peer; 0 sends none"
    )
    audio_handler: str = setting(
        "echo",
        str,
        "what happens to the audio: echo, record, delay, play, or package.module:name of your own",
    )
    audio_queue_frames: int = setting(
        "50",
        integer(1, 100_000, " of frames"),
        "frames that may wait for a slow handler before the oldest are dropped; 50 are 1 s",
    )
    delay_ms: int = setting(
        "1000", integer(20, 60_000, " of ms"), "delay of the handler delay, in ms"
    )
    play_file: str = setting("", str, "WAV file for the handler play: 16-bit PCM, the call's rate")
    play_buffer_messages: int = setting(
        "1024",
        integer(2, 3072, " of messages"),
        "messages of 20 ms that the platform buffers; handlers fill at most 3/4 of them",
    )
    record: bool = setting(
        "0", switch, "1 records every call, whatever the handler; record does so, too"
    )
    recordings_dir: str = setting("recordings", str, "folder for the recordings")
    recordings_days: float = setting(
        "0", duration("days", 0, 36500), "days after which recordings are removed; 0 keeps them"
    )
    socket_auth: str = setting(
        "",
        choice("ticket", "vonage", "none", ""),
        "what opens the socket: ticket (ncco-service's), vonage (the platform's token) or none "
        "(anybody); by default ticket if there is a SOCKET_SECRET, else none if HOST is a "
        "loopback address; otherwise every handshake is refused",
    )
    socket_secret: str = secret(32, "shared with ncco-service, which signs tickets with it")
    socket_secret_previous: str = secret(32, "previous secret, still accepted during rotation")
    vonage_signature_secret: str = secret(
        1, "the account's signature secret, for SOCKET_AUTH=vonage"
    )
    vonage_signature_secret_previous: str = secret(
        1, "previous secret, still accepted during rotation"
    )
    otel_exporter_otlp_endpoint: str = setting(
        "",
        base_url,
        "an OpenTelemetry collector (OTLP over HTTP), such as http://collector:4318, which gets a "
        "trace of each call; needs the extra traces",
    )
    max_calls: int = setting(
        "1000", integer(1, 1_000_000), "calls at once; more are answered with 503"
    )
    max_call_seconds: float = setting(
        "86460",
        duration("seconds", 1, 1e9),
        "longest call, in seconds, then close code 4000; the platform ends calls to us after 7200, "
        "one that we start after 86400 at most",
    )
    max_message_bytes: int = setting(
        "16384",
        integer(1024, 2**30, " of bytes"),
        "longest message accepted from a peer, in bytes; a longer one ends the call with 1009",
    )
    max_texts_per_second: int = setting(
        "50",
        integer(1, 1_000_000),
        "text messages a second of one call, in the long run and at once; more end it with 1008",
    )
    silence_seconds: float = setting(
        "60",
        duration("seconds", 1, 86400),
        "seconds without a byte, not even a pong, after which a call ends with close code 4002; "
        "at most 86400; a gateway waits 5 s longer for its peers",
    )
    slow_reader_bytes: int = setting(
        "32768",
        integer(1024, 2**30, " of bytes"),
        "bytes waiting for a peer at which we stop reading from it; about 1 s of audio at 16 kHz",
    )
    slow_reader_seconds: float = setting(
        "5",
        duration("seconds", 0.1, 3600),
        "seconds that they may wait before the call ends with close code 4001",
    )
    handshake_seconds: float = setting(
        "10", duration("seconds", 0.1, 3600), "seconds that a handshake may take"
    )
    handshake_bytes: int = setting(
        "16384",
        integer(1024, 2**20, " of bytes"),
        "longest handshake, in bytes; a longer one is answered with 431",
    )
    max_handshakes: int = setting(
        "2048",
        integer(1, 1_000_000),
        "unfinished handshakes; over it the oldest connection is closed",
    )
    max_handshakes_per_address: int = setting(
        "1024",
        integer(1, 1_000_000),
        "the same, from one address; behind the gateway all have the gateway's",
    )
    echo_text_for_tests: bool = setting(
        "0", switch, "1 echoes text messages, too, unread: for the Autobahn TestSuite only"
    )
    echo_engine: str = setting(
        "auto",
        choice("auto", "library"),
        "auto uses the fast path; library, for tests, only what the WebSocket library documents",
    )

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings from an environment.

        Args:
            environ: variable names and values; an empty value counts as unset.

        Raises:
            SettingsError: listing every wrong variable.

        """
        values: dict[str, Any] = {}
        problems = [
            f"{old} is set, but it is called {new} now: rename it"
            for old, new in RENAMED.items()
            if environ.get(old, "").strip()
        ]
        for field in dataclasses.fields(cls):
            name, hidden = field.name.upper(), field.metadata["secret"]
            given = ""
            try:
                given = read_secret(name, environ) if hidden else environ.get(name, "").strip()
                if given:
                    values[field.name] = field.metadata["parse"](given)
            except ValueError as error:
                seen = "" if hidden else f" is {given[:80]!r}"
                problems.append(f"{name}{seen}: {error}")
        settings = cls(**values)
        if settings.socket_auth == "ticket" and not settings.socket_secret:
            problems.append("SOCKET_AUTH is 'ticket': set SOCKET_SECRET, as in ncco-service")
        if settings.socket_auth == "vonage" and not settings.vonage_signature_secret:
            problems.append("SOCKET_AUTH is 'vonage': set VONAGE_SIGNATURE_SECRET")
        if settings.port == settings.metrics_port != 0:
            problems.append(
                f"PORT and METRICS_PORT are both '{settings.port}': give each a port of its own"
            )
        if problems:
            raise SettingsError(problems)
        return settings

    @property
    def socket_auth_mode(self) -> str:
        """What opens the socket: `ticket`, `vonage`, `none` (anybody may) or `unset`.

        `unset` refuses every handshake: who listens for other machines has to choose.
        """
        if self.socket_auth or self.socket_secret:
            return self.socket_auth or "ticket"
        return "none" if _is_loopback(self.host) else "unset"

    @property
    def socket_secrets(self) -> tuple[str, ...]:
        """Secrets that a ticket may be signed with."""
        return tuple(filter(None, (self.socket_secret, self.socket_secret_previous)))

    @property
    def signature_secrets(self) -> tuple[str, ...]:
        """Secrets that a token of the platform may be signed with."""
        both = (self.vonage_signature_secret, self.vonage_signature_secret_previous)
        return tuple(filter(None, both))


def _is_loopback(host: str) -> bool:
    """Whether a host is this machine; names other than localhost may resolve to anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _variables() -> Iterator[Variable]:
    for field in dataclasses.fields(Settings):
        name, about = field.name.upper(), field.metadata
        yield Variable(name, about["default"], about["help"])
        if about["secret"]:
            yield Variable(f"{name}_FILE", "", "a file that holds it instead")


VARIABLES = tuple(_variables())  # all variables that are read, in the order of the documentation
