"""Check of URLs in documents and settings, with an exact message about what is wrong."""

import ipaddress
import re
from urllib.parse import urlsplit

__all__ = ["checked_url"]

# Placeholders of other programs' templates, and of examples.
_PLACEHOLDER = re.compile(
    r"[$#]\{.*?\}|\$\(.*?\)|\{\{.*?\}\}|\{.*?\}|<.*?>|\[[^\]:]*\]|\$\w+|%\w+%|%s|…"
    r"|\b[A-Z0-9]*_[A-Z0-9_]+\b"  # YOUR_HOST
    r"|(?<![\w.-])(undefined|null|None|NaN)(?![\w.-])"  # a value that was not there
    r"|(?<![\w-])(x{4,}|your[_-]?(app|domain|host|ngrok|server|site|tunnel|url)[\w-]*)(?![\w-])"
)
_STRAY = re.compile(r"[\s\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff\x22\u201c\u201d]")
_TWO_SCHEMES = re.compile(r"([a-z]+)://(https?|wss?):?//", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
_NAMES = {"\n": "line break", "\r": "line break", "\t": "tab", "\0": "null character"}
_NAMES |= dict.fromkeys("\x22\u201c\u201d", "quotation mark")


def checked_url(url: str, *schemes: str, placeholder: str | None = None) -> str:
    """Return an absolute URL as it is.

    Args:
        url: what was written.
        schemes: those allowed, such as "ws" and "wss".
        placeholder: this service's own for such a URL in a document.

    Raises:
        ValueError: it is no such URL; the message says what is allowed instead.

    """
    allowed = f"an absolute URL beginning with {' or '.join(f'{scheme}://' for scheme in schemes)}"
    rest = url.partition("://")[2] or url
    place = _PLACEHOLDER.search(rest)
    if place is not None and not set("/?#") & set(rest[: place.start()]):
        meant = f'; did you mean "{placeholder}"?' if placeholder else ""
        raise ValueError(f"a host instead of {place[0]}, which looks like a placeholder{meant}")
    if stray := _STRAY.search(url):
        where = (
            "at its end" if not url[stray.start() :].strip() else f"at place {stray.start() + 1}"
        )
        name = "blank" if stray[0].isspace() else "invisible character"
        raise ValueError(f"{allowed}, without the {_NAMES.get(stray[0], name)} {where}")
    if two := _TWO_SCHEMES.match(url):
        raise ValueError(f"{allowed}, with one scheme; there are two, {two[1]}:// and {two[2]}://")
    try:
        parts = urlsplit(url)
        named = parts.scheme in schemes and _is_host(parts.hostname or "") and parts.port != 0
    except ValueError:
        named = False
    if not named:
        raise ValueError(f"{allowed}, with the name or address of a host")
    if parts.fragment:
        raise ValueError(f"{allowed}, without a # part")
    return url


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
    return all(len(label) <= 63 and _LABEL.fullmatch(label) for label in labels)
