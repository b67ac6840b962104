"""Points the Vonage application here: reads it, edits its webhooks, writes it back."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import structlog

from ncco_service.discovery.application import Change, DocumentError, differences, pointed, read
from ncco_service.http import fetch
from ncco_service.settings import Settings

__all__ = ["ApplicationApi", "ApplicationError", "ApplicationPointer"]

logger = structlog.get_logger()

SECONDS = 10.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0  # seconds between failed attempts: doubled each time
CHECK_SECONDS = 1.0  # between two checks whether the public address has changed

_ACCOUNT = "check VONAGE_API_KEY and VONAGE_API_SECRET"
_HINTS = {
    401: _ACCOUNT,
    403: _ACCOUNT,
    404: "check VONAGE_APPLICATION_ID, and whether it is an application of this account",
    429: "too many requests",
}


class ApplicationError(Exception):
    """The application could not be read or written; the message says what was seen.

    Attributes:
        changes: what may have been written all the same, since no refusal came.

    """

    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What was changed, and what is doubtful about it: None if nothing is."""

    changes: tuple[Change, ...]
    doubt: str | None = None


class ApplicationApi:
    """The Application API, for one application.

    Args:
        settings: the account, the application, where the API is.

    """

    def __init__(self, settings: Settings) -> None:
        name = quote(settings.vonage_application_id or "", safe="")
        self._url = f"{settings.vonage_api_url}/v2/applications/{name}"
        account = f"{settings.vonage_api_key}:{settings.vonage_api_secret}"
        self._authorization = "Basic " + base64.b64encode(account.encode()).decode()

    def point(self, base_url: str, *, dry_run: bool = False) -> Outcome:
        """Point the application to this service, if it does not already.

        Args:
            base_url: where the platform reaches this service.
            dry_run: only find out what would change.

        Returns:
            What was changed; without changes nothing was written.

        Raises:
            ApplicationError: it cannot be read or written.

        """
        document = self._read()
        try:
            edited, changes = pointed(document, base_url)
        except DocumentError as error:
            raise ApplicationError(f"{self._url}: {error}") from None
        if not changes or dry_run:
            return Outcome(changes)
        try:
            self._request("PUT", json.dumps(edited).encode())
        except _Unknown as error:
            error.changes = changes
            raise
        return Outcome(changes, self._doubt(edited))

    def _doubt(self, written: Mapping[str, Any]) -> str | None:
        """Read the application again: PUT replaces all of it, so all of it must still be there."""
        try:
            lost = differences(written, self._read())
        except ApplicationError as error:
            return f"it was written, but could not be read again: {error}"
        if not lost:
            return None
        return f"not as it was written, look at it in the dashboard: {', '.join(lost)}"

    def _read(self) -> dict[str, Any]:
        body = self._request("GET")
        try:
            return read(body)
        except DocumentError as error:
            raise ApplicationError(f"{self._url}: {error}") from None

    def _request(self, method: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": self._authorization}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            response = fetch.send(method, self._url, body, headers, SECONDS)
        except fetch.FetchError as error:
            raise (_Unknown if error.sent else ApplicationError)(str(error)) from None
        if response.status != 200:
            failed = _Unknown if response.status >= 500 else ApplicationError
            said = response.body[:200].decode(errors="replace")
            hint = _HINTS.get(response.status, f"it said {said!r}")
            raise failed(f"{method} {self._url} answered {response.status}: {hint}")
        return response.body


class _Unknown(ApplicationError):
    """Whether the request was carried out is not known."""


class ApplicationPointer:
    """Keeps the application pointed to the public address. `poll` is a background job.

    Each replica of this service has one. They read before they write, and write the same.

    Args:
        api: of the application.
        base_url: returns where the platform reaches this service; None while that is not known.

    """

    def __init__(self, api: ApplicationApi, base_url: Callable[[], str | None]) -> None:
        self._api = api
        self._base_url = base_url
        self._pointed: str | None = None
        self._pause = FIRST_PAUSE
        self._problem: str | None = None
        self.results: Counter[str] = Counter()
        """Attempts by result: updated, unchanged, failed."""

    def poll(self) -> float:
        """Point the application here if the address is new; return the seconds until next time."""
        base_url = self._base_url()
        if base_url is None or base_url == self._pointed:
            return CHECK_SECONDS
        try:
            outcome = self._api.point(base_url)
        except ApplicationError as error:
            self.results["failed"] += 1
            pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
            if str(error) != self._problem:
                self._problem = str(error)
                perhaps = "; this may have been written all the same" if error.changes else ""
                logger.warning(
                    "application_not_updated",
                    message=self._problem + perhaps,
                    retry_seconds=pause,
                    **told(error.changes),
                )
            return pause
        self._pointed, self._pause, self._problem = base_url, FIRST_PAUSE, None
        self.results["updated" if outcome.changes else "unchanged"] += 1
        if outcome.changes:
            logger.info("application_updated", **told(outcome.changes))
        if outcome.doubt:
            logger.error("application_differs", message=outcome.doubt)
        if not outcome.changes:
            logger.info("application", message="it points here already", url=base_url)
        return CHECK_SECONDS


def told(changes: Iterable[Change]) -> dict[str, str]:
    """Return what changed from what to what, for a line of the log."""
    return {
        change.webhook if change.field == "address" else f"{change.webhook}_{change.field}": (
            f"{change.old or 'nothing'} -> {change.new}"
        )
        for change in changes
    }
