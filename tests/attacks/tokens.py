"""JSON Web Tokens, valid and forged, for the socket and the webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

__all__ = ["Claims", "by_vonage", "forged", "payload_hash", "sign", "ticket"]

Claims = Mapping[str, Any]

MINUTES = 60
AWAY = 15 * MINUTES
"""Seconds that are longer than any token is valid."""


def sign(
    claims: object, secret: str, algorithm: str = "HS256", header: Mapping[str, Any] | None = None
) -> str:
    """Make a token, valid or not (RFC 7515).

    Args:
        claims: the payload, usually an object.
        secret: the key.
        algorithm: HS256, HS384, HS512, or any spelling of `none`.
        header: more members of the header.

    """
    head = {"alg": algorithm, "typ": "JWT", **(header or {})}
    text = f"{_base64(json.dumps(head).encode())}.{_base64(json.dumps(claims).encode())}"
    if algorithm.lower() == "none":
        return f"{text}."
    digest = f"sha{algorithm[2:]}"
    return f"{text}.{_base64(hmac.digest(secret.encode(), text.encode(), digest))}"


def ticket(call: str) -> dict[str, Any]:
    """Return the claims of a good ticket for the socket."""
    now = int(time.time())
    return {
        "iss": "ncco-service",
        "aud": "socket",
        "sub": call,
        "iat": now,
        "exp": now + 5 * MINUTES,
        "jti": str(uuid.uuid4()),
    }


def by_vonage(payload: bytes | None = None, **more: str) -> dict[str, Any]:
    """Return the claims of Vonage's signed webhooks over a `payload`."""
    claims = {"iss": "Vonage", "iat": int(time.time()), "jti": str(uuid.uuid4()), **more}
    return claims if payload is None else claims | {"payload_hash": payload_hash(payload)}


def payload_hash(payload: bytes) -> str:
    """Return the SHA-256 of a webhook's payload as Vonage writes it."""
    return hashlib.sha256(payload).hexdigest()


def forged(claims: Claims, secret: str) -> dict[str, str]:
    """Return tokens that must be refused, by what is wrong with them.

    Args:
        claims: of a good token.
        secret: that good tokens are signed with.

    """
    good = sign(claims, secret)
    head, body, signature = good.split(".")
    other = _base64(json.dumps({**claims, "sub": "another", "iss": "another"}).encode())
    return {
        "empty": "",
        "not a token": "let-me-in",
        "two parts": f"{head}.{body}",
        "four parts": f"{good}.{signature}",
        "truncated by a character": good[:-1],
        "truncated by half": good[: len(good) // 2],
        "without a signature": f"{head}.{body}.",
        "another's signature": sign(claims, "0" * 64),
        "signed with nothing": sign(claims, ""),
        "changed afterwards": f"{head}.{other}.{signature}",
        "alg none": sign(claims, secret, "none"),
        "alg None": sign(claims, secret, "None"),
        "alg nOnE, good signature": sign(claims, secret, "nOnE") + signature,
        "alg HS512": sign(claims, secret, "HS512"),
        "alg RS256": sign(claims, secret, header={"alg": "RS256"}),
        "alg a number": sign(claims, secret, header={"alg": 256}),
        "critical header": sign(claims, secret, header={"crit": ["x"], "x": 1}),
        "a key of its own": sign(
            claims,
            "mine",
            header={"jwk": {"kty": "oct", "k": _base64(b"mine")}, "kid": "/dev/null"},
        ),
        "expired": sign(_moved(claims, -AWAY), secret),
        "from the future": sign(_moved(claims, AWAY), secret),
        "another issuer": sign({**claims, "iss": "another"}, secret),
        "a list": sign([], secret),
        "a number": sign(5, secret),
        "iat a text": sign({**claims, "iat": "now"}, secret),
        "iat infinite": sign({**claims, "iat": float("inf")}, secret),
        "a deep payload": _deep(head, secret),
        **{f"no {name}": sign(_without(claims, name), secret) for name in ("iss", "iat", "jti")},
    }


def _moved(claims: Claims, seconds: int) -> Claims:
    return {**claims, **{name: claims[name] + seconds for name in ("iat", "exp") if name in claims}}


def _without(claims: Claims, name: str) -> Claims:
    return {key: value for key, value in claims.items() if key != name}


def _deep(head: str, secret: str) -> str:
    text = f"{head}.{_base64(b'[' * 5000)}"
    return f"{text}.{_base64(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
