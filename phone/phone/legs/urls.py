"""URLs that a person wrote or a template filled in: what is wrong with one, said exactly."""

import ipaddress
import re
from urllib.parse import urlsplit

__all__ = ["checked_url", "is_local"]

# What templates of other programs, and examples, have where a value belongs.
PLACEHOLDER = re.compile(
    r"[$#]\{.*?\}|\$\(.*?\)|\{\{.*?\}\}|\{.*?\}|<.*?>|\[[^\]:]*\]|\$\w+|%\w+%|%s|…"
    r"|\b[A-Z0-9]*_[A-Z0-9_]+\b"  # YOUR_HOST
    r"|(?<![\w.-])(undefined|null|None|NaN)(?![\w.-])"  # a value that was not there
    r"|(?<![\w-])(x{4,}|your[_-]?(app|domain|host|ngrok|server|site|tunnel|url)[\w-]*)(?![\w-])"
)
STRAY = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff\x22\u201c\u201d]")
LOCAL_NAMES = ("localhost", "host.docker.internal")
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)


def checked_url(url: str, *schemes: str) -> str:
    """Return an absolute URL as it is.

    Args:
        url: what was given.
        schemes: those allowed, such as "ws" and "wss".

    Raises:
        ValueError: the URL is wrong; the message says how, as in "must …" or "has …".

    """
    rest = url.partition("://")[2] or url
    place = PLACEHOLDER.search(rest)
    if place is not None and not set("/?#") & set(rest[: place.start()]):
        raise ValueError(
            f"has {place[0]} in its host and port: a placeholder that was not filled in"
        )
    if stray := STRAY.search(url):
        raise ValueError(f"has {_name(stray[0])} {_place(stray.start(), url)}")
    if double := re.match(r"([a-z]+)://(https?|wss?):?//", url, re.IGNORECASE):
        raise ValueError(f"has two schemes, {double[1]}:// and {double[2]}://: leave one")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"has no valid host and port ({error})") from None
    if parts.scheme not in schemes or not host:
        allowed = " or ".join(f"{scheme}://" for scheme in schemes)
        raise ValueError(f"must be an absolute {allowed} URL")
    if not _is_host(host):
        raise ValueError(f"has {host!r} for its host, which is no name or address")
    return url


def is_local(url: str) -> bool:
    """Return whether only this machine, or a private network, can reach the URL's host."""
    host = urlsplit(url).hostname or ""
    if host in LOCAL_NAMES or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host


def _name(character: str) -> str:
    names = {"\n": "a line break", "\r": "a line break", "\t": "a tab", "\0": "a null character"}
    names |= dict.fromkeys("\x22\u201c\u201d", "a quotation mark")
    return names.get(character, "a blank" if character.isspace() else "an invisible character")


def _place(index: int, url: str) -> str:
    if not url[index:].strip():
        return "at its end"
    return "at its beginning" if index == 0 else f"behind {url[:index][-40:]!r}"


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            return False
    labels = host.removesuffix(".").split(".")
    return all(len(label) <= 63 and LABEL.fullmatch(label) for label in labels)
