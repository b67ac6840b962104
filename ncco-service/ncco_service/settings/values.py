"""Types of settings: how the text of an environment variable is parsed and checked.

A parser raises `ValueError` whose message completes the sentence "it must be ...".
"""

import ipaddress
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import BeforeValidator

from ncco_service.settings.urls import checked_url

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

SECRET = "secret"  # noqa: S105 - marks a setting whose value may also come from a file, and is never shown

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")

# The documents lie beside the package, in the source tree as in the image.
_HOME = Path(__file__).resolve().parent.parent.parent
_DOCUMENTS = {
    "ncco.json",
    "ncco-call.json",
    "ncco-meeting.json",
    "ncco-fallback.json",
    "ncco-busy.json",
    "ncco-after.json",
}


def optional(parse: Callable[[str], Any]) -> BeforeValidator:
    """Read an unset variable as None."""
    return BeforeValidator(lambda text: parse(text) if text else None)


def items(parse: Callable[[str], Any]) -> BeforeValidator:
    """Read a comma-separated list, empty items left out."""
    return BeforeValidator(
        lambda text: tuple(parse(item.strip()) for item in text.split(",") if item.strip())
    )


def choice(*allowed: str) -> Callable[[str], str]:
    """Read one of some words."""

    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text.lower()

    return parse


def integer(low: int, high: int) -> BeforeValidator:
    """Read an integer between two bounds, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"an integer from {low} to {high}")
        return int(text)

    return BeforeValidator(parse)


def duration(low: float, high: float) -> BeforeValidator:
    """Read a duration in seconds between two bounds, both included."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise ValueError(f"a number of seconds from {low:g} to {high:g}")
        return float(text)

    return BeforeValidator(parse)


def flag(text: str) -> bool:
    """Read 1 or 0, or a word for it."""
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("1 or 0")
    return words[text.lower()]


def document(text: str) -> Path:
    """Read the path of a document: from the working directory, a default one beside the package."""
    return _HOME / text if text in _DOCUMENTS else Path(text).expanduser()


def writable(text: str) -> Path:
    """Read the path of a file that is written; its folder must be there, and let us."""
    file = Path(text).expanduser()
    if os.path.isdir(file) or not os.access(file.parent, os.W_OK | os.X_OK):
        raise ValueError("a file in a folder that exists, and in which this service may write")
    return file


def host(text: str) -> str:
    """Read a host name or an IP address."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError("a host name or an IP address") from None
    return text.lower()


def is_loopback(text: str) -> bool:
    """Tell whether a host is this machine's loopback."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return text == "localhost"


def upstream(text: str) -> str:
    """Read `host:port`."""
    name, _, port = text.rpartition(":")
    try:
        if not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
            raise ValueError
        return f"{host(name)}:{int(port)}"
    except ValueError:
        raise ValueError("host:port, such as gateway:8080") from None


def network_or_name(text: str) -> Network | str:
    """Read an address, a network (10.0.0.0/8) or a host name."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        if "/" in text:
            raise ValueError("addresses, networks such as 10.0.0.0/8, or host names") from None
    return host(text)


def url(*schemes: str) -> Callable[[str], str]:
    """Read an absolute URL with one of the schemes, without user name and fragment."""
    path = "/socket" if "wss" in schemes else ""
    example = f"such as {schemes[-1]}://voice.example.org{path}"

    def parse(text: str) -> str:
        try:
            checked_url(text, *schemes)
        except ValueError as error:
            raise ValueError(f"{error} ({example})") from None
        if "@" in urlsplit(text).netloc:
            raise ValueError(f"a URL without a user name ({example})")
        return text

    return parse


def base_url(*schemes: str) -> Callable[[str], str]:
    """Read a URL that paths are appended to: no query, and no slash at its end."""

    def parse(text: str) -> str:
        if "?" in text:
            raise ValueError("a URL without a query")
        return url(*schemes)(text).rstrip("/")

    return parse


def public_url(text: str) -> str:
    """Read the URL that the webhooks' paths are appended to."""
    base = base_url("http", "https")(text)
    if re.search("/(webhooks(/.*)?|ncco)$", base):
        raise ValueError("a URL without the webhook's path, which is appended to it")
    return base


def word(text: str) -> str:
    """Read an identifier: printable ASCII without blanks."""
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", text):
        raise ValueError("printable characters without blanks")
    return text


def account_secret(name: str) -> Callable[[str], str]:
    """Read a secret of the Vonage account, of any length; a private key is refused."""

    def parse(text: str) -> str:
        if "-----BEGIN" in text or "\n" in text:
            raise ValueError(f"the account's {name} (dashboard, settings), one line, not a key")
        return text

    return parse


def socket_secret(text: str) -> str:
    """Read a secret of our own: HS256 wants 256 bits (RFC 7518, section 3.2)."""
    if len(text) < 32 or "\n" in text:
        raise ValueError("one line of 32 characters or more, such as openssl rand -hex 32 prints")
    return text


def private_key(text: str) -> str:
    """Read an application's private key: RSA, PEM; a variable may hold \\n for line ends."""
    wrong = "the application's private key: RSA, in PEM, beginning with -----BEGIN PRIVATE KEY-----"
    pem = text.replace("\\n", "\n")
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError(wrong) from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(wrong)
    return pem


def number(text: str) -> str:
    """Read a telephone number as the platform writes it: E.164 without +."""
    if not re.fullmatch(r"[1-9][0-9]{6,14}", text):
        raise ValueError("7 to 15 digits with the country code, without + and without blanks")
    return text


def key(text: str) -> str:
    """Read a key of a telephone."""
    if not re.fullmatch(r"[0-9*#]", text):
        raise ValueError("one key of a telephone: a digit, * or #")
    return text


def meeting(text: str) -> tuple[str, str]:
    """Read `number=room`."""
    called, _, name = text.partition("=")
    if not re.fullmatch(r"[1-9][0-9]{6,14}=[A-Za-z0-9._-]{1,64}", text):
        raise ValueError("number=room, such as 447700900460=standup, separated by commas")
    return called, name


Port = Annotated[int, integer(0, 65535)]
Host = Annotated[str, BeforeValidator(host)]
Hosts = Annotated[tuple[str, ...], items(host)]
BaseUrl = Annotated[str | None, optional(base_url("http", "https"))]
Upstreams = Annotated[tuple[str, ...], items(upstream)]
Networks = Annotated[tuple[Network | str, ...], items(network_or_name)]
Document = Annotated[Path, BeforeValidator(document)]
Flag = Annotated[bool, BeforeValidator(flag)]
OptionalFlag = Annotated[bool | None, optional(flag)]
Word = Annotated[str | None, optional(word)]
SignatureSecret = Annotated[str | None, optional(account_secret("signature secret")), SECRET]
ApiSecret = Annotated[str | None, optional(account_secret("API secret")), SECRET]
SocketSecret = Annotated[str | None, optional(socket_secret), SECRET]
PrivateKey = Annotated[str | None, optional(private_key), SECRET]
Number = Annotated[str | None, optional(number)]
Key = Annotated[str, BeforeValidator(key)]
Meetings = Annotated[tuple[tuple[str, str], ...], items(meeting)]
