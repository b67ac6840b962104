"""Signs webhooks and handshakes as Vonage does ("Signed webhooks" in its developer
documentation).
"""

import hashlib
import json
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import jwt

from phone.constants import API_KEY

__all__ = ["Signer", "query_payload"]

ISSUER = "Vonage"
# HMAC fills a key up with zeros to its block anyway (RFC 2104), so this changes no signature;
# it spares PyJWT's warning of short secrets, whose length Vonage has chosen.
KEY_BYTES = 32


@dataclass(frozen=True)
class Signer:
    """An account's signature secret, and what its tokens claim.

    Args:
        secret: the signature secret, shared with the application.
        api_key: the account's.
        application_id: the application's; some callbacks carry none.

    """

    secret: str = field(repr=False)
    api_key: str = API_KEY
    application_id: str | None = None

    @classmethod
    def of(cls, secret: str | None, api_key: str, application_id: str | None) -> Self | None:
        """Return what signs; None without a secret."""
        return cls(secret, api_key, application_id) if secret else None

    def authorization(self, payload: bytes | None) -> str:
        """Return the Authorization header.

        Args:
            payload: what `payload_hash` covers: a POST's body as sent, a GET's query as
                `query_payload` writes it; None for a handshake, for which no hash is published.

        """
        claims: dict[str, object] = {
            "iat": int(time.time()),
            "jti": str(uuid.uuid4()),
            "iss": ISSUER,
            "api_key": self.api_key,
        }
        if payload is not None:
            claims["payload_hash"] = hashlib.sha256(payload).hexdigest()
        if self.application_id is not None:
            claims["application_id"] = self.application_id
        key = self.secret.encode().ljust(KEY_BYTES, b"\0")
        return f"Bearer {jwt.encode(claims, key, algorithm='HS256')}"


def query_payload(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Return what a GET's `payload_hash` covers: its query as a JSON object without whitespace."""
    return json.dumps(dict(pairs), separators=(",", ":"), ensure_ascii=False).encode()
