"""Authentication of handshakes: a peer must prove that this stack answered the call.

There are two proofs, both JWTs with HS256 and nothing else: a ticket that ncco-service put into the
NCCO (docs/wire.md), or the platform's own token (Vonage's guide to signed webhooks), which signs
handshakes like webhooks if the NCCO asks for it. Whether that one has a `payload_hash` for a
handshake is not documented, so none is required.
"""

from __future__ import annotations

import base64
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import jwt

from .signed_token import signed_claims

__all__ = [
    "UNSET",
    "AuthenticationError",
    "Authenticator",
    "RefuseAll",
    "TicketAuthenticator",
    "VonageAuthenticator",
    "authenticator",
]

UNSET = "set SOCKET_SECRET as in ncco-service, or SOCKET_AUTH=none to let anyone open the socket"
"""What to do when SOCKET_AUTH and SOCKET_SECRET are not set."""

LEEWAY_SECONDS = 30  # difference allowed between the clocks of two machines
MAX_AGE_SECONDS = 300  # oldest token of Vonage's that is accepted: it has no `exp`
MAX_REMEMBERED = 100_000  # used tickets that are remembered; beyond it the oldest are forgotten
_HMAC_BLOCK = 64  # bytes


class AuthenticationError(Exception):
    """A handshake is refused.

    Args:
        check: the check that failed, one word of a small set.
        message: what was seen.
        hint: what the operator can do; nothing of the secret.

    """

    def __init__(self, check: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.check = check
        self.hint = hint


class Authenticator(Protocol):
    """Decides whether a handshake is accepted."""

    def authenticate(self, authorization: Sequence[str]) -> str | None:
        """Accept or refuse a handshake.

        Args:
            authorization: the values of its Authorization headers.

        Returns:
            The id of the call that it proves, if it proves one.

        Raises:
            AuthenticationError: it is refused.

        """


def authenticator(
    mode: str, socket_secrets: Sequence[str], signature_secrets: Sequence[str]
) -> Authenticator | None:
    """Return the authenticator of a mode; None if anyone may open the socket.

    Args:
        mode: `ticket`, `vonage`, `unset` or `none`.
        socket_secrets: the current one, and during rotation the previous one.
        signature_secrets: likewise, of the Vonage account.

    """
    if mode == "ticket":
        return TicketAuthenticator(socket_secrets)
    if mode == "vonage":
        return VonageAuthenticator(signature_secrets)
    return RefuseAll() if mode == "unset" else None


class RefuseAll:
    """Refuses every handshake: SOCKET_AUTH and SOCKET_SECRET are not set."""

    def authenticate(self, authorization: Sequence[str]) -> str | None:
        """Refuse; see `Authenticator`."""
        raise AuthenticationError("socket_auth", "SOCKET_AUTH and SOCKET_SECRET are not set", UNSET)


class _TokenAuthenticator:
    """Accepts tokens signed with one of the secrets."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [secret.encode() for secret in secrets]
        self._keys = [_key(secret) for secret in self._secrets]

    def _verified(
        self, token: str, *, issuer: str, audience: str | None, require: list[str], hint: str
    ) -> dict[str, Any]:
        """Return the claims of a token that is signed with one of the secrets, and valid."""
        claims = signed_claims(token, self._secrets)
        if claims is not None and _plainly_valid(claims, issuer, audience, require):
            return claims
        return _verified(
            token, self._keys, issuer=issuer, audience=audience, require=require, hint=hint
        )


class TicketAuthenticator(_TokenAuthenticator):
    """Accepts tickets of ncco-service, each once.

    Args:
        secrets: any of them may have signed.

    """

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(secrets)
        self._used: OrderedDict[str, float] = OrderedDict()

    def authenticate(self, authorization: Sequence[str]) -> str | None:
        """Accept a ticket; see `Authenticator`."""
        claims = self._verified(
            _bearer(authorization, "the NCCO's endpoint needs ncco-service's `authorization`"),
            hint="give ncco-service and echo-service the same SOCKET_SECRET",
            issuer="ncco-service",
            audience="socket",
            require=["iss", "aud", "sub", "iat", "exp", "jti"],
        )
        self._use(claims["jti"], int(claims["exp"]) + LEEWAY_SECONDS)
        return claims["sub"] or None

    def _use(self, ticket: str, expires: float) -> None:
        now = time.time()
        if self._used.get(ticket, 0.0) > now:
            raise AuthenticationError(
                "jti", "the ticket was used before", "a ticket opens one socket; call again"
            )
        self._used[ticket] = expires
        self._used.move_to_end(ticket)
        while len(self._used) > MAX_REMEMBERED or next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)


class VonageAuthenticator(_TokenAuthenticator):
    """Accepts the platform's own tokens; see `TicketAuthenticator`."""

    def authenticate(self, authorization: Sequence[str]) -> str | None:
        """Accept a token, which names no call; see `Authenticator`."""
        claims = self._verified(
            _bearer(authorization, "the NCCO's endpoint needs `authorization` `vonage`"),
            hint="set VONAGE_SIGNATURE_SECRET to the account's signature secret",
            issuer="Vonage",
            audience=None,
            require=["iss", "iat", "jti"],
        )
        age = int(time.time()) - int(claims["iat"])
        if age > MAX_AGE_SECONDS + LEEWAY_SECONDS:
            raise AuthenticationError(
                "iat",
                f"the token is {age} s old; at most {MAX_AGE_SECONDS} s are accepted",
                "compare this machine's clock",
            )
        return None


def _key(secret: bytes) -> jwt.PyJWK:
    """Prepare a key once, which PyJWT would do again for each token."""
    # Padded as HMAC itself does (RFC 2104): the same signature, no warning of the length.
    padded = secret.ljust(_HMAC_BLOCK, b"\0")
    encoded = base64.urlsafe_b64encode(padded).rstrip(b"=").decode()
    return jwt.PyJWK({"kty": "oct", "k": encoded, "alg": "HS256"})


def _bearer(authorization: Sequence[str], hint: str) -> str:
    scheme, _, token = authorization[0].strip().partition(" ") if authorization else ("", "", "")
    if len(authorization) > 1:
        raise AuthenticationError("authorization", "there are several Authorization headers", hint)
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthenticationError(
            "authorization", "there is no Authorization header with a token", hint
        )
    return token.strip()


def _plainly_valid(
    claims: dict[str, Any], issuer: str, audience: str | None, require: list[str]
) -> bool:
    """Return whether PyJWT accepts these claims for certain; if not, it is to say so itself."""
    now = time.time()
    issued, expires = claims.get("iat"), claims.get("exp", int(now))
    return (
        claims.get("iss") == issuer
        and claims.get("aud") == audience
        and all(claims.get(name) is not None for name in require)
        and isinstance(claims.get("sub", ""), str)
        and isinstance(claims.get("jti"), str)
        and claims["jti"] != ""
        and type(issued) is type(expires) is int
        and issued <= now + LEEWAY_SECONDS
        and expires > now - LEEWAY_SECONDS
        and "nbf" not in claims
    )


def _verified(
    token: str,
    keys: Sequence[jwt.PyJWK],
    *,
    hint: str,
    issuer: str,
    audience: str | None,
    require: list[str],
) -> dict[str, Any]:
    """Return the claims of a token that is signed with one of the keys."""
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["HS256"],
                issuer=issuer,
                audience=audience,
                leeway=LEEWAY_SECONDS,
                options={
                    "require": require,
                    "strict_aud": audience is not None,
                    "verify_aud": audience is not None,
                },
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise _refusal(error) from None
        if not claims["jti"]:
            raise AuthenticationError("jti", "the token's jti is empty", _ORIGIN)
        return claims
    raise AuthenticationError("signature", "the token was signed with another secret", hint)


_ORIGIN = "check who made the token: ncco-service, or the platform"
_CLOCKS = "compare the machines' clocks"


_EXPIRED = f"raise TICKET_SECONDS if the greeting is long; {_CLOCKS}"

# PyJWT's errors: the check that failed, what was seen, and what to do.
_REFUSALS: tuple[tuple[type[Exception], str, str, str], ...] = (
    (jwt.InvalidAlgorithmError, "algorithm", "the token is not signed with HS256", _ORIGIN),
    (jwt.ExpiredSignatureError, "exp", "the token has expired", _EXPIRED),
    (jwt.ImmatureSignatureError, "iat", "the token is not valid yet", _CLOCKS),
    (jwt.InvalidIssuerError, "iss", "the token is from another issuer", _ORIGIN),
    (jwt.InvalidAudienceError, "aud", "the token is for another audience", _ORIGIN),
    (jwt.InvalidIssuedAtError, "iat", "the token's iat is not a number", _ORIGIN),
    (jwt.exceptions.InvalidSubjectError, "sub", "the token's sub is not a string", _ORIGIN),
    (jwt.exceptions.InvalidJTIError, "jti", "the token's jti is not a string", _ORIGIN),
)


def _refusal(error: Exception) -> AuthenticationError:
    """Return the error that says why a token is refused."""
    if isinstance(error, jwt.MissingRequiredClaimError):
        return AuthenticationError(error.claim, f"the token has no {error.claim}", _ORIGIN)
    for kind, check, message, hint in _REFUSALS:
        if isinstance(error, kind):
            return AuthenticationError(check, message, hint)
    # For a time that is not a number, PyJWT names the claim in parentheses.
    if named := re.search(r"\((exp|nbf)\)", str(error)):
        return AuthenticationError(named[1], f"the token's {named[1]} is not a number", _ORIGIN)
    return AuthenticationError("token", "the token is not a JWT", _ORIGIN)
