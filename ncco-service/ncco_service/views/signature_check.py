"""Signature check of webhooks: refuses and counts those not sent by Vonage."""

from collections import Counter

from flask import Request

from ncco_service.http.errors import Problem
from ncco_service.http.request_fields import body_of
from ncco_service.signature import SignatureError, Verifier, query_payloads

__all__ = ["SignatureCheck"]


class SignatureCheck:
    """Runs before every webhook.

    Attributes:
        refused: how many were refused so far, by the check that failed.
        last_failed_check: the check that refused the last one, or None.

    Args:
        verifier: checks the tokens.

    """

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.refused: Counter[str] = Counter()
        self.last_failed_check: str | None = None

    def require(self, request: Request) -> None:
        """Return if a request is from Vonage.

        Raises:
            Problem: 401, naming the check that failed.

        """
        if request.method == "POST":
            payloads = [body_of(request)]
        else:
            payloads = query_payloads(request.args.to_dict())
        try:
            self._verifier.verify(request.headers.get("Authorization"), payloads)
        except SignatureError as error:
            self.refused[error.check] += 1
            self.last_failed_check = error.check
            message = f"the webhook's signature is refused ({error.check}): {error}"
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(401, "unauthorized", message, error.hint, headers) from None
