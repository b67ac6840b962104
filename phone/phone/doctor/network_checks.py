"""Checks of host names and TLS certificates."""

import asyncio
import socket
import ssl
import time
from urllib.parse import urlsplit

from phone.constants import CONNECT_TIMEOUT
from phone.doctor.checks import Diagnosis
from phone.legs.urls import is_local
from phone.words import printable

__all__ = ["check_name", "check_tls"]

NAME_SECONDS = 5.0
TLS_SECONDS = 5.0
EXPIRES_SOON_DAYS = 14


async def check_name(diagnosis: Diagnosis, url: str) -> bool:
    """Look the URL's host up; return whether it is known."""
    host = urlsplit(url).hostname or ""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(NAME_SECONDS):
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError) as error:
        seen = f"{host} is not known ({printable(str(error)) or 'no answer'})"
        diagnosis.add("dns", "failure", seen, "check the host in the URL; is the tunnel still up?")
        return False
    addresses = sorted({str(item[4][0]) for item in found})
    seen = f"{host} is {', '.join(addresses[:4])}"
    if is_local(url):
        advice = "a real call needs a public name: a tunnel, or a server of your own"
        diagnosis.add("dns", "warning", f"{seen}: only reachable from here", advice)
    else:
        diagnosis.add("dns", "ok", seen)
    return True


async def check_tls(diagnosis: Diagnosis, name: str, url: str, tls: ssl.SSLContext | None) -> bool:
    """Open a TLS connection as strictly as the platform; return whether a call could continue."""
    parts = urlsplit(url)
    if parts.scheme in ("http", "ws"):
        secure = parts.scheme.replace("http", "https").replace("ws", "wss")
        if is_local(url):
            diagnosis.add(name, "skipped", f"{parts.scheme}:// on a local name has no TLS")
        else:
            advice = f"use {secure}://: the call's audio and its numbers pass in the clear"
            diagnosis.add(name, "warning", f"{parts.scheme}:// is not encrypted", advice)
        return True
    context = tls or ssl.create_default_context()
    begin = time.perf_counter()
    try:
        async with asyncio.timeout(TLS_SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context, server_hostname=parts.hostname
            )
    except ssl.SSLError as error:
        seen = printable(getattr(error, "verify_message", "") or str(error))
        diagnosis.add(
            name,
            "failure",
            f"the certificate of {parts.netloc} is refused: {seen}",
            "serve the whole chain of a public authority, for this name; self-signed certificates "
            "and missing intermediates are refused by the platform, and not retried",
        )
        return False
    except (OSError, TimeoutError) as error:
        seen = f"no connection to {parts.netloc}: {printable(str(error)) or 'time ran out'}"
        diagnosis.add(name, "failure", seen, "is it running, and reachable from outside?")
        return False
    took = time.perf_counter() - begin
    certificate = writer.get_extra_info("peercert") or {}
    writer.transport.abort()
    expires = ssl.cert_time_to_seconds(str(certificate.get("notAfter", "Jan 1 00:00:00 2100 GMT")))
    days = (expires - time.time()) / 86400
    seen = f"the chain is trusted, {days:.0f} days left, {took * 1000:.0f} ms to connect"
    if days < EXPIRES_SOON_DAYS:
        diagnosis.add(name, "warning", seen, "renew the certificate")
    elif took > CONNECT_TIMEOUT:
        advice = f"the platform waits {CONNECT_TIMEOUT:g} s for a connection; bring it nearer"
        diagnosis.add(name, "warning", seen, advice)
    else:
        diagnosis.add(name, "ok", seen)
    return True
