"""Verification of a webhook: its token, its payload's hash, replay.

A webhook carries `Authorization: Bearer <JWT>`: HS256 with the account's signature secret, and a
hash of what was sent. Source: Vonage's guide to signed webhooks. PyJWT checks the token and its
standard claims; here are the checks that only this token needs: its account, the payload's hash,
and replay. The SDK's own helper checks neither age nor hash and has no leeway for clocks.
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
from jwt.algorithms import HMACAlgorithm
from jwt.exceptions import InvalidJTIError
from jwt.utils import base64url_encode

from ncco_service.signature.signed_token import signed_claims

__all__ = ["SignatureError", "Verifier", "query_payloads"]

MAX_AGE_SECONDS = 300
LEEWAY_SECONDS = 30  # for clocks that differ
MAX_REMEMBERED = 10_000  # tokens, against replay

_HMAC_BLOCK = 64  # bytes
_SELDOM = {"aud", "exp", "nbf", "sub"}  # claims that the platform's tokens have not been seen with


class SignatureError(Exception):
    """A request could not be verified as sent by Vonage; `check` names the failed check."""

    def __init__(self, check: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.check = check
        self.hint = hint


_CLOCK_HINT = "check this machine's clock; a saved request cannot be sent again later"
_ORIGIN_HINT = "check that Vonage sent it, and that no proxy changed it on its way"

# What PyJWT found -> the check that failed, what was seen, what to do; subclasses come first.
_REFUSALS: tuple[tuple[type[jwt.InvalidTokenError], str, str, str], ...] = (
    (jwt.InvalidAlgorithmError, "algorithm", "the token is not signed with HS256", _ORIGIN_HINT),
    (jwt.InvalidIssuerError, "iss", "the token's issuer is not Vonage", _ORIGIN_HINT),
    (jwt.InvalidAudienceError, "aud", "the token is for another audience", _ORIGIN_HINT),
    (jwt.InvalidIssuedAtError, "iat", "the token's time of issue is not a number", _ORIGIN_HINT),
    (jwt.ImmatureSignatureError, "iat", "the token is not valid yet (iat or nbf)", _CLOCK_HINT),
    (jwt.ExpiredSignatureError, "exp", "the token has expired", _CLOCK_HINT),
    (InvalidJTIError, "jti", "the token's jti is not a string", _ORIGIN_HINT),
)


class Verifier:
    """Checks the tokens of webhooks.

    Args:
        secrets: the signature secret; during rotation the previous one, too.
        api_key: the account's key, checked if given.
        application_id: the application's id, checked if given.
        clock: seconds since 1970, for the age of a token and what is remembered of it.

    """

    def __init__(
        self,
        secrets: Sequence[str],
        api_key: str | None = None,
        application_id: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._keys = [_key(secret) for secret in self._secrets]
        self._expected = {"api_key": api_key, "application_id": application_id}
        self._clock = clock
        self._used = _UsedTokens(MAX_REMEMBERED)

    def verify(self, authorization: str | None, payloads: Sequence[bytes]) -> None:
        """Check a request.

        Args:
            authorization: its Authorization header, if any.
            payloads: the bytes that its hash may be of: the body, or the ways to write the query.

        Raises:
            SignatureError: naming the first check that failed.

        """
        token, now = _token(authorization), self._clock()
        claims = signed_claims(token, self._secrets)
        if claims is None or not _plainly_valid(claims, now):
            claims = self._claims(token)
        age = now - claims["iat"]
        if age > MAX_AGE_SECONDS + LEEWAY_SECONDS:
            seen = f"the token is {age:.0f} s old; at most {MAX_AGE_SECONDS} s are accepted"
            raise SignatureError("iat", seen, _CLOCK_HINT)
        for name, expected in self._expected.items():
            _check_equal(claims, name, expected)
        digest = _check_payload(claims, payloads)
        # The platform sends a webhook again when it got no answer, maybe with the same token.
        expires = claims["iat"] + MAX_AGE_SECONDS + LEEWAY_SECONDS
        if not self._used.is_first_or_same(claims["jti"], digest, expires, now):
            seen = "the token's jti was used before, with another payload"
            raise SignatureError("jti", seen, "send each webhook with a token of its own")

    def _claims(self, token: str) -> dict[str, Any]:
        for key in self._keys:
            try:
                claims: dict[str, Any] = jwt.decode(
                    token,
                    key,
                    algorithms=["HS256"],
                    issuer="Vonage",
                    leeway=LEEWAY_SECONDS,
                    options={"require": ["iss", "iat", "jti"]},
                )
            except jwt.InvalidSignatureError:
                continue
            except jwt.MissingRequiredClaimError as error:
                seen = f"the token has no {error.claim}"
                raise SignatureError(error.claim, seen, _ORIGIN_HINT) from None
            except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
                raise _refusal(error) from None
            if isinstance(claims["iat"], bool | str):
                raise _refusal(jwt.InvalidIssuedAtError())
            if not claims["jti"]:
                raise SignatureError("jti", "the token's jti is empty", _ORIGIN_HINT)
            return claims
        raise SignatureError(
            "signature",
            "the token was signed with another secret",
            "set VONAGE_SIGNATURE_SECRET to the signature secret of the account (dashboard, "
            "settings), not to its API secret or to the application's key",
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


def _plainly_valid(claims: dict[str, Any], now: float) -> bool:
    """Return whether PyJWT accepts these claims for certain; if not, it is to say so itself."""
    issued, token_id = claims.get("iat"), claims.get("jti")
    return (
        claims.get("iss") == "Vonage"
        and type(issued) is int
        and issued <= now + LEEWAY_SECONDS
        and isinstance(token_id, str)
        and token_id != ""
        and not _SELDOM & claims.keys()
    )


def _refusal(error: Exception) -> SignatureError:
    for kind, check, seen, hint in _REFUSALS:
        if isinstance(error, kind):
            return SignatureError(check, seen, hint)
    return SignatureError("token", "the Authorization header's token is not a JWT", _ORIGIN_HINT)


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
        seen = "the token's payload_hash does not match what was sent"
        raise SignatureError("payload_hash", seen, _ORIGIN_HINT)
    return digest.lower()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode("utf-8", "replace"))


class _Hs256(HMACAlgorithm):
    """HMAC with keys that were examined when they were made, not again for each token."""

    def __init__(self) -> None:
        super().__init__(HMACAlgorithm.SHA256)

    def prepare_key(self, key: str | bytes) -> bytes:
        """Return the key as it is."""
        return key.encode() if isinstance(key, str) else key


def _key(secret: bytes) -> jwt.PyJWK:
    """Make the key of a secret.

    It is padded as HMAC itself does (RFC 2104). That changes no signature, and avoids PyJWT's
    warning about short secrets: Vonage chose its length.
    """
    padded = secret.ljust(_HMAC_BLOCK, b"\0")
    key = jwt.PyJWK({"kty": "oct", "k": base64url_encode(padded).decode(), "alg": "HS256"})
    key.Algorithm = _Hs256()
    return key


class _UsedTokens:
    """Used tokens, each kept until it is too old to be accepted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tokens: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self._lock = threading.Lock()

    def is_first_or_same(self, token_id: str, digest: str, expires: float, now: float) -> bool:
        """Remember a token; return whether it is new, or came with the same payload before."""
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
