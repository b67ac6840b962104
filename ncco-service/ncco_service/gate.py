"""Let in Vonage's webhooks only, and count the others."""

import logging
import threading
import time
from collections.abc import Callable

from flask import Request

from ncco_service import logs
from ncco_service.errors import Problem
from ncco_service.fields import body_of
from ncco_service.signature import SignatureError, Verifier, query_payloads

__all__ = ["Gate"]

logger = logging.getLogger(__name__)

_LOG_SECONDS = 1.0  # at most one line in so many, however many are refused


class Gate:
    """Stands before the webhooks.

    Args:
        verifier: checks the tokens.
        clock: seconds that only go forward.

    """

    def __init__(self, verifier: Verifier, clock: Callable[[], float] = time.monotonic) -> None:
        self._verifier = verifier
        self._clock = clock
        self._lock = threading.Lock()
        self._told = -_LOG_SECONDS
        self.refused = 0
        self.last_check: str | None = None

    def admit(self, request: Request) -> None:
        """Let a request pass.

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
            raise Problem(401, "unauthorized", message, error.hint, headers) from None

    def _count(self, error: SignatureError, peer: str | None) -> None:
        with self._lock:
            self.refused += 1
            self.last_check = error.check
            now = self._clock()
            if now - self._told < _LOG_SECONDS:
                return
            self._told = now
        logs.event(
            logger,
            "webhook_refused",
            logging.WARNING,
            check=error.check,
            message=str(error),
            hint=error.hint,
            peer=peer,
            refused=self.refused,
        )
