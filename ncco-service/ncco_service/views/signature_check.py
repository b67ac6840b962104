"""Signature check of webhooks: refuses and counts those not sent by Vonage."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog
from flask import Request

from ncco_service.http.errors import Problem
from ncco_service.http.request_fields import body_of
from ncco_service.signature import SignatureError, Verifier, query_payloads

__all__ = ["SignatureCheck"]

logger = structlog.get_logger()

_LOG_SECONDS = 1.0  # between two log lines, however many are refused


class SignatureCheck:
    """Runs before every webhook.

    Attributes:
        refused: how many were refused so far.
        checks: how many by which check.
        last_failed_check: the check that refused the last one, or None.

    Args:
        verifier: checks the tokens.
        clock: seconds, monotonic.

    """

    def __init__(self, verifier: Verifier, clock: Callable[[], float] = time.monotonic) -> None:
        self._verifier = verifier
        self._clock = clock
        self._lock = threading.Lock()
        self._logged_at = -_LOG_SECONDS
        self.refused = 0
        self.checks: Counter[str] = Counter()
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
            self._count(error, request.remote_addr)
            message = f"the webhook's signature is refused ({error.check}): {error}"
            headers = {"WWW-Authenticate": "Bearer"}
            raise Problem(
                401, "unauthorized", message, error.hint, headers, is_logged=True
            ) from None

    def _count(self, error: SignatureError, peer: str | None) -> None:
        with self._lock:
            self.refused += 1
            self.checks[error.check] += 1
            self.last_failed_check = error.check
            now = self._clock()
            if now - self._logged_at < _LOG_SECONDS:
                return
            self._logged_at = now
        logger.warning(
            "webhook_refused",
            check=error.check,
            message=str(error),
            hint=error.hint,
            peer=peer,
            refused=self.refused,
        )
