"""The opening handshake of a plain request (RFC 6455, 4.1 and 4.2): pure functions.

Nearly every request is plain. What is not, the library reads: parsing with its generators and
answering from a task takes four times as many instructions.
"""

from __future__ import annotations

import base64
import email.utils
import functools
import hashlib
import re
import time
from typing import NamedTuple

__all__ = ["Opening", "accepting", "plain_opening"]

MAX_BYTES = 8192  # of a plain request: the library's limit of one line
MAX_HEADERS = 100  # of a plain request; the library takes 128

_REQUEST = re.compile(
    rb"GET (/[!-~]*) HTTP/1\.1\r\n((?:[-!#$%&'*+.^_`|~0-9A-Za-z]+:[\t -~]*\r\n)+)\r\n"
)
_KEY = re.compile(r"[0-9A-Za-z+/]{22}==")  # 16 bytes
_BODY = frozenset(("content-length", "transfer-encoding"))
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Opening(NamedTuple):
    """A plain request for a WebSocket.

    Attributes:
        path: with the query.
        key: its Sec-WebSocket-Key.
        authorization: values of its Authorization headers.

    """

    path: str
    key: str
    authorization: tuple[str, ...]


def plain_opening(data: bytes) -> Opening | None:
    """Read the first data of a connection.

    Args:
        data: all that has come.

    Returns:
        The request; None if the data is anything but one request, complete and in ASCII, with no
        header twice and no body, that asks for a WebSocket of version 13 and nothing else.

    """
    match = _REQUEST.fullmatch(data) if len(data) <= MAX_BYTES else None
    if match is None:
        return None
    lines = match[2].decode("ascii").split("\r\n")[:-1]
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip(" \t")
    key = headers.get("sec-websocket-key", "")
    if (
        len(headers) < len(lines)
        or len(lines) > MAX_HEADERS
        or headers.get("upgrade", "").lower() != "websocket"
        or headers.get("connection", "").lower() != "upgrade"
        or headers.get("sec-websocket-version") != "13"
        or not _KEY.fullmatch(key)
        or not _BODY.isdisjoint(headers)
    ):
        return None
    authorization = headers.get("authorization")
    return Opening(match[1].decode("ascii"), key, () if authorization is None else (authorization,))


def accepting(key: str) -> bytes:
    """Return the response that opens a WebSocket, as the library writes it.

    Args:
        key: of the request.

    """
    digest = hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()
    return (
        f"HTTP/1.1 101 Switching Protocols\r\nDate: {_date(int(time.time()))}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n"
    ).encode()


@functools.lru_cache(maxsize=1)
def _date(seconds: int) -> str:
    return email.utils.formatdate(seconds, usegmt=True)
