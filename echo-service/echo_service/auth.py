"""May this handshake proceed? It must prove that this stack answered this call.

Two proofs, both JWTs with HS256 and nothing else: a ticket that ncco-service put into the NCCO
(docs/wire.md), or the platform's own token (Vonage's guide to signed webhooks), which signs
handshakes like webhooks when the NCCO asks for it; whether it then holds a `payload_hash` is not
documented, so none is asked for.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import jwt

__all__ = ["UNSET", "AuthError", "Guard", "Nobody", "Tickets", "VonageTokens", "guard"]

UNSET = "set SOCKET_SECRET as in ncco-service, or ask for an open socket with SOCKET_AUTH=none"
"""What to do where nothing says who may open the socket."""

LEEWAY_SECONDS = 30
"""For clocks that differ."""

MAX_AGE_SECONDS = 300
"""Of a token of Vonage's, which has no `exp`."""

MAX_REMEMBERED = 100_000
"""Tickets kept against a second use; beyond it the oldest are forgotten."""

_HMAC_BLOCK = 64  # bytes


class AuthError(Exception):
    """A handshake is refused.

    Args:
        check: the check that failed, one word of a small set.
        message: what was seen.
        hint: what the owner can do; nothing of the secret.

    """

    def __init__(self, check: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.check = check
        self.hint = hint


class Guard(Protocol):
    """Stands before the socket."""

    def admit(self, authorization: Sequence[str]) -> str | None:
        """Let a handshake pass.

        Args:
            authorization: the values of its Authorization headers.

        Returns:
            The id of the call that it proves, if it proves one.

        Raises:
            AuthError: if it proves nothing.

        """


def guard(
    mode: str, socket_secrets: Sequence[str], signature_secrets: Sequence[str]
) -> Guard | None:
    """Return the guard for a mode: `ticket`, `vonage`, `unset`, or None for `none`.

    Args:
        mode: SOCKET_AUTH, or what stands for it.
        socket_secrets: the one in use, and during a change of it the former one.
        signature_secrets: likewise, of the Vonage account.

    """
    if mode == "ticket":
        return Tickets(socket_secrets)
    if mode == "vonage":
        return VonageTokens(signature_secrets)
    return Nobody() if mode == "unset" else None


class Nobody:
    """Lets nobody in: nothing says yet who may."""

    def admit(self, authorization: Sequence[str]) -> str | None:
        """Refuse; see `Guard`."""
        raise AuthError("socket_auth", "nothing says who may open the socket", UNSET)


class Tickets:
    """Takes the tickets of ncco-service, each once.

    Args:
        secrets: any of them may have signed.
        clock: seconds since 1970.

    """

    def __init__(self, secrets: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._keys = [_key(secret) for secret in secrets]
        self._clock = clock
        self._used: OrderedDict[str, float] = OrderedDict()

    def admit(self, authorization: Sequence[str]) -> str | None:
        """Take a ticket; see `Guard`."""
        token = _bearer(authorization, "the NCCO's endpoint needs ncco-service's `authorization`")
        claims = _claims(
            token,
            self._keys,
            "give ncco-service and echo-service the same SOCKET_SECRET",
        )
        _equal(claims, "iss", "ncco-service")
        _equal(claims, "aud", "socket")
        call, ticket = claims.get("sub"), claims.get("jti")
        if not isinstance(call, str):
            raise AuthError("sub", "the ticket is for no call", "is it ncco-service's?")
        if not isinstance(ticket, str) or not ticket:
            raise AuthError("jti", "the ticket has no jti", "is it ncco-service's?")
        _issued(claims, self._clock())
        self._use(ticket, self._unexpired(claims))
        return call or None

    def _unexpired(self, claims: dict[str, Any]) -> float:
        expires = _seconds(claims, "exp") + LEEWAY_SECONDS
        late = self._clock() - expires
        if late > 0:
            raise AuthError(
                "exp",
                f"the ticket expired {late + LEEWAY_SECONDS:.0f} s ago",
                "raise TICKET_SECONDS if the greeting is long; compare the machines' clocks",
            )
        return expires

    def _use(self, ticket: str, expires: float) -> None:
        now = self._clock()
        if self._used.get(ticket, 0.0) > now:
            raise AuthError(
                "jti", "the ticket was used before", "a ticket opens one socket; call again"
            )
        self._used[ticket] = expires
        self._used.move_to_end(ticket)
        while len(self._used) > MAX_REMEMBERED or next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)


class VonageTokens:
    """Takes the platform's own tokens.

    Args:
        secrets: any of them may have signed.
        clock: seconds since 1970.

    """

    def __init__(self, secrets: Sequence[str], clock: Callable[[], float] = time.time) -> None:
        self._keys = [_key(secret) for secret in secrets]
        self._clock = clock

    def admit(self, authorization: Sequence[str]) -> str | None:
        """Take a token, which names no call; see `Guard`."""
        token = _bearer(authorization, "the NCCO's endpoint needs `authorization` `vonage`")
        claims = _claims(
            token, self._keys, "set VONAGE_SIGNATURE_SECRET to the account's signature secret"
        )
        _equal(claims, "iss", "Vonage")
        age = self._clock() - _issued(claims, self._clock())
        if age > MAX_AGE_SECONDS + LEEWAY_SECONDS:
            raise AuthError(
                "iat",
                f"the token is {age:.0f} s old; at most {MAX_AGE_SECONDS} are taken",
                "compare this machine's clock",
            )
        if not isinstance(claims.get("jti"), str):
            raise AuthError("jti", "the token has no jti", "is it Vonage's?")
        return None


def _bearer(authorization: Sequence[str], hint: str) -> str:
    scheme, _, token = authorization[0].strip().partition(" ") if authorization else ("", "", "")
    if len(authorization) > 1:
        raise AuthError("authorization", "there are several Authorization headers", hint)
    if scheme.lower() != "bearer" or not token.strip():
        raise AuthError("authorization", "there is no Authorization header with a token", hint)
    return token.strip()


def _claims(token: str, keys: Sequence[bytes], secret_hint: str) -> dict[str, Any]:
    """Return the claims of a token that one of the keys has signed; they are not checked yet."""
    for key in keys:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["HS256"],
                # The claims are checked here, by our clock and with our words.
                options={f"verify_{name}": False for name in _REGISTERED},  # type: ignore[arg-type]
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.InvalidAlgorithmError:
            raise AuthError(
                "algorithm", "the token is not signed with HS256", "who made it?"
            ) from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):
            raise AuthError("token", "the token is not a JWT", "who made it?") from None
        return claims
    raise AuthError("signature", "the token was signed with another secret", secret_hint)


_REGISTERED = ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")


def _equal(claims: dict[str, Any], name: str, expected: str) -> None:
    if claims.get(name) != expected:
        raise AuthError(name, f"the token's {name} is not {expected}", "who made it?")


def _seconds(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        raise AuthError(name, f"the token has no usable {name}", "who made it?")
    return float(value)


def _issued(claims: dict[str, Any], now: float) -> float:
    issued = _seconds(claims, "iat")
    if issued > now + LEEWAY_SECONDS:
        ahead = f"the token was issued {issued - now:.0f} s in the future"
        raise AuthError("iat", ahead, "compare the machines' clocks")
    return issued


def _key(secret: str) -> bytes:
    """Pad a secret as HMAC itself does (RFC 2104): the same signature, and no warning of length."""
    return secret.encode().ljust(_HMAC_BLOCK, b"\0")
