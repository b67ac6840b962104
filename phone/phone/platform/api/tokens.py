"""Authentication of API requests: tokens of the Voice API, Basic for the Application API."""

import base64
import binascii
import hmac
import time

import jwt

from phone.platform.registration import Registration

__all__ = ["Unauthorized", "check_basic", "check_token"]

# "Authentication guide" in Vonage's developer documentation.
LONGEST_SECONDS = 24 * 3600  # from `iat` to `exp`
SHORTEST_SECONDS = 30
WITHOUT_EXP_SECONDS = 15 * 60
LEEWAY_SECONDS = 5  # for clocks that differ; not published


class Unauthorized(Exception):
    """The request is not authenticated; the message says why."""


def check_token(authorization: str | None, registration: Registration) -> None:
    """Check `Authorization: Bearer` with the application's RS256 token.

    Raises:
        Unauthorized: it is missing, wrong, or too old.

    """
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("no Authorization: Bearer header with the application's token")
    if registration.public_key is None:
        raise Unauthorized("this application has no public key; put public_key into its file")
    try:
        claims = jwt.decode(
            token.strip(),
            registration.public_key,
            algorithms=["RS256"],
            leeway=LEEWAY_SECONDS,
            options={"require": ["application_id", "jti"], "verify_aud": False},
        )
    except jwt.InvalidTokenError as error:
        raise Unauthorized(f"the token is not good: {error}") from error
    if claims["application_id"] != registration.id:
        raise Unauthorized("the token's application_id is another application's")
    issued, expires = claims.get("iat"), claims.get("exp")
    if issued is None and expires is None:
        raise Unauthorized("the token has neither iat nor exp")
    if issued is None:
        return
    if expires is None and time.time() > issued + WITHOUT_EXP_SECONDS + LEEWAY_SECONDS:
        raise Unauthorized("the token has no exp, and is older than 15 minutes")
    if expires is not None and not SHORTEST_SECONDS <= expires - issued <= LONGEST_SECONDS:
        raise Unauthorized("the token's exp must be 30 seconds to 24 hours after its iat")


def check_basic(authorization: str | None, registration: Registration) -> None:
    """Check `Authorization: Basic` with the account's key and secret.

    Raises:
        Unauthorized: it is missing or wrong.

    """
    scheme, _, encoded = (authorization or "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    wanted = f"{registration.api_key}:{registration.api_secret}".encode()
    if registration.api_secret is None or not hmac.compare_digest(given, wanted):
        raise Unauthorized("no Authorization: Basic header with the account's key and secret")
