"""Is this request from Vonage? Source: Vonage's guide to signed webhooks.

A webhook carries ``Authorization: Bearer <JWT>``: HS256 with the account's signature secret, and a
hash of what was sent. PyJWT does the cryptography; the SDK's own helper checks neither the age nor
the hash and has no leeway for clocks.
"""

import hashlib
import hmac
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import jwt

__all__ = ["SignatureError", "Verifier", "query_payloads"]

MAX_AGE_SECONDS = 300
LEEWAY_SECONDS = 30  # for clocks that differ
MAX_REMEMBERED = 10_000  # tokens, against replay

_HMAC_BLOCK = 64  # bytes


class SignatureError(Exception):
    """A request is not shown to be Vonage's; ``check`` names the check that failed."""

    def __init__(self, check: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.check = check
        self.hint = hint


_CLOCK_HINT = "check this machine's clock; a request that was saved cannot be sent again later"
_ORIGIN_HINT = "was it sent by Vonage, and has a proxy changed it on its way?"


class Verifier:
    """Checks the tokens of webhooks.

    Args:
        secrets: the signature secret; during a change of it, the former one, too.
        api_key: the account's key, checked if given.
        application_id: the application's id, checked if given.
        clock: seconds since 1970.

    """

    def __init__(
        self,
        secrets: Sequence[str],
        api_key: str | None = None,
        application_id: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys = [_key(secret) for secret in secrets]
        self._expected = {"api_key": api_key, "application_id": application_id}
        self._clock = clock
        self._seen = _Seen(MAX_REMEMBERED)

    def verify(self, authorization: str | None, payloads: Sequence[bytes]) -> None:
        """Check a request.

        Args:
            authorization: its Authorization header, if any.
            payloads: the bytes that its hash may be of: the body, or the ways to write the query.

        Raises:
            SignatureError: naming the first check that failed.

        """
        claims = self._claims(_token(authorization))
        now = self._clock()
        _check_issuer(claims)
        issued = _check_age(claims, now)
        for name, expected in self._expected.items():
            _check_equal(claims, name, expected)
        digest = _check_payload(claims, payloads)
        token_id = claims.get("jti")
        if not isinstance(token_id, str) or not token_id:
            raise SignatureError("jti", "the token has no jti", _ORIGIN_HINT)
        # The platform sends a webhook again when it got no answer, maybe with the same token.
        expires = issued + MAX_AGE_SECONDS + LEEWAY_SECONDS
        if not self._seen.is_first_or_same(token_id, digest, expires, now):
            seen = "the token's jti was used before, with another payload"
            raise SignatureError("jti", seen, "a token is good for one webhook")

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    # The claims are checked below, by our clock and with our words.
                    options={
                        "verify_exp": False,
                        "verify_nbf": False,
                        "verify_iat": False,
                        "verify_aud": False,
                        "verify_iss": False,
                        "verify_sub": False,
                        "verify_jti": False,
                    },
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidAlgorithmError:
                seen = "the token is not signed with HS256"
                raise SignatureError("algorithm", seen, _ORIGIN_HINT) from None
            except (jwt.InvalidTokenError, ValueError, RecursionError):
                seen = "the Authorization header's token is not a JWT"
                raise SignatureError("token", seen, _ORIGIN_HINT) from None
            return claims
        raise SignatureError(
            "signature",
            "the token was signed with another secret",
            "VONAGE_SIGNATURE_SECRET has to be the signature secret of the account (dashboard, "
            "settings), not its API secret and not the application's key",
        )


def query_payloads(fields: dict[str, str]) -> list[bytes]:
    """Write a query as the JSON object whose hash a GET's token holds.

    Vonage's guide: the parameters in their order, without blanks. It does not say how letters
    beyond ASCII are written, so both ways are given.
    """
    ways = (
        json.dumps(fields, separators=(",", ":"), ensure_ascii=False),
        json.dumps(fields, separators=(",", ":")),
    )
    return [way.encode("utf-8", "replace") for way in ways]


def _token(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise SignatureError(
            "authorization",
            "the request has no Authorization header with a bearer token",
            "turn on signed webhooks in the Vonage application, or unset VONAGE_SIGNATURE_SECRET",
        )
    return token.strip()


def _check_issuer(claims: dict[str, Any]) -> None:
    if claims.get("iss") != "Vonage":
        raise SignatureError("iss", "the token's issuer is not Vonage", _ORIGIN_HINT)


def _check_age(claims: dict[str, Any], now: float) -> float:
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or not 0 < issued < 1e12:
        raise SignatureError("iat", "the token does not say when it was issued", _ORIGIN_HINT)
    if issued > now + LEEWAY_SECONDS:
        seen = f"the token was issued {issued - now:.0f} s in the future"
        raise SignatureError("iat", seen, _CLOCK_HINT)
    if issued < now - MAX_AGE_SECONDS - LEEWAY_SECONDS:
        seen = f"the token is {now - issued:.0f} s old; at most {MAX_AGE_SECONDS} are taken"
        raise SignatureError("iat", seen, _CLOCK_HINT)
    expires = claims.get("exp")  # not documented, but if it is there it counts
    if isinstance(expires, int | float) and expires < now - LEEWAY_SECONDS:
        raise SignatureError("exp", "the token has expired", _CLOCK_HINT)
    return float(issued)


def _check_equal(claims: dict[str, Any], name: str, expected: str | None) -> None:
    if expected is None:
        return
    seen = claims.get(name)
    if not isinstance(seen, str) or not _same(seen, expected):
        what = "has no" if seen is None else "is for another"
        setting = f"VONAGE_{name.upper()}"
        raise SignatureError(name, f"the token {what} {name}", f"correct {setting}, or unset it")


def _check_payload(claims: dict[str, Any], payloads: Sequence[bytes]) -> str:
    digest = claims.get("payload_hash")
    if not isinstance(digest, str):
        raise SignatureError("payload_hash", "the token has no payload_hash", _ORIGIN_HINT)
    if not any(_same(digest.lower(), hashlib.sha256(each).hexdigest()) for each in payloads):
        seen = "the token's payload_hash is of something else than what was sent"
        raise SignatureError("payload_hash", seen, _ORIGIN_HINT)
    return digest.lower()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


def _key(secret: str) -> bytes:
    """Pad a secret as HMAC itself does (RFC 2104).

    That changes no signature, and spares PyJWT's warning of short secrets: Vonage chose its length.
    """
    return secret.encode().ljust(_HMAC_BLOCK, b"\0")


class _Seen:
    """Remembers the latest tokens, each until it is too old to be taken anyway."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def is_first_or_same(self, token_id: str, digest: str, expires: float, now: float) -> bool:
        """Remember a token; tell whether it is new or comes with the same payload as before."""
        name = hashlib.sha256(token_id.encode("utf-8", "replace")).hexdigest()  # of bounded length
        with self._lock:
            before = self._tokens.get(name)
            if before is not None and before[1] >= now:
                return before[0] == digest
            self._tokens[name] = (digest, expires)
            self._tokens.move_to_end(name)
            while len(self._tokens) > self._limit or self._oldest_expiry() < now:
                self._tokens.popitem(last=False)
        return True

    def _oldest_expiry(self) -> float:
        return next(iter(self._tokens.values()))[1]
