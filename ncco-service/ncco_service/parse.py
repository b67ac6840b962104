"""Turn the text of one setting into a value, or say what is allowed instead.

Every function takes the text of an environment variable and raises ``ValueError`` whose message
completes the sentence "it must be ...".
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?")


def optional(parse: Callable[[str], T]) -> Callable[[str], T | None]:
    """Make a parser that takes an unset variable as None."""
    return lambda text: parse(text) if text else None


def items(parse: Callable[[str], T]) -> Callable[[str], tuple[T, ...]]:
    """Make a parser of a comma-separated list, empty items left out."""
    return lambda text: tuple(parse(item.strip()) for item in text.split(",") if item.strip())


def choice(*allowed: str) -> Callable[[str], str]:
    """Make a parser that takes one of some words."""

    def parse(text: str) -> str:
        if text.lower() not in allowed:
            raise ValueError(f"one of {', '.join(allowed)}")
        return text.lower()

    return parse


def integer(low: int, high: int) -> Callable[[str], int]:
    """Make a parser of a whole number between two bounds, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not low <= int(text) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(low: float, high: float) -> Callable[[str], float]:
    """Make a parser of a duration in seconds between two bounds, both included."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise ValueError(f"a number of seconds from {low:g} to {high:g}")
        return float(text)

    return parse


def flag(text: str) -> bool:
    """Take 1 or 0, and the words people write for them."""
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    if text.lower() not in words:
        raise ValueError("1 or 0")
    return words[text.lower()]


def path(text: str) -> Path:
    """Take the path of a file, which may begin with ~."""
    return Path(text).expanduser()


def host(text: str) -> str:
    """Take a host name or an address, as one listens on or connects to."""
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if not _HOST.fullmatch(text):
            raise ValueError("a host name or an IP address") from None
    return text.lower()


def upstream(text: str) -> str:
    """Take ``host:port``, where the tunnel leads to."""
    name, _, port = text.rpartition(":")
    try:
        return f"{host(name)}:{integer(1, 65535)(port)}"
    except ValueError:
        raise ValueError("host:port, such as gateway:8080") from None


def network_or_name(text: str) -> Network | str:
    """Take an address, a network (10.0.0.0/8) or a host name."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        if "/" in text:
            raise ValueError("addresses, networks such as 10.0.0.0/8, or host names") from None
    return host(text)


def url(*schemes: str) -> Callable[[str], str]:
    """Make a parser of an absolute URL with one of the schemes, and without user, query or #."""
    example = f"a URL such as {schemes[-1]}://voice.example.org"
    wrong = f"{example}, beginning with {' or '.join(f'{scheme}://' for scheme in schemes)}"

    def parse(text: str) -> str:
        if any(character <= " " or character == "\x7f" for character in text):
            raise ValueError(f"{wrong}, without blanks")
        try:
            parts = urlsplit(text)
            _ = parts.port  # raises ValueError when it is no number
        except ValueError:
            raise ValueError(wrong) from None
        if parts.scheme not in schemes or not parts.hostname:
            raise ValueError(wrong)
        if parts.username is not None or parts.fragment:
            raise ValueError(f"{wrong}, without user name and without #")
        return text

    return parse


def base_url(*schemes: str) -> Callable[[str], str]:
    """Make a parser of a URL that paths are put behind: no query, no slash at its end."""

    def parse(text: str) -> str:
        if "?" in text:
            raise ValueError("a URL without a query")
        return url(*schemes)(text).rstrip("/")

    return parse


def word(text: str) -> str:
    """Take an identifier: printable ASCII without blanks."""
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", text):
        raise ValueError("printable characters without blanks")
    return text


def signature_secret(text: str) -> str:
    """Take a signature secret, whose length Vonage chose, but not a key pasted in its place."""
    if "-----BEGIN" in text or "\n" in text:
        raise ValueError("the account's signature secret (dashboard, settings), one line, no key")
    return text


def socket_secret(text: str) -> str:
    """Take a secret of our own, which can be long: HS256 wants 256 bits (RFC 7518 3.2)."""
    if len(text) < 32 or "\n" in text:
        raise ValueError("one line of 32 characters or more, such as openssl rand -hex 32 prints")
    return text
