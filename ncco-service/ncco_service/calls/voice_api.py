"""Client of the Voice API: places calls, steers them, and looks them up.

Source: Vonage's Voice API reference and authentication guide.
"""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt

from ncco_service.calls.platform_errors import (
    NoAnswer,
    Throttled,
    problem_of,
    retry_after,
    unreachable,
)
from ncco_service.calls.window import RollingSecond
from ncco_service.http.fetch import FetchError, Response, send

__all__ = ["Call", "VoiceApi"]

TOKEN_SECONDS = 900  # as Vonage's SDK signs; 30 s to 24 h are accepted
ANSWER_SECONDS = 5.0  # for one request
STEERING_SECONDS = 15.0  # for a request that waits for its turn, too
OTHER_REQUESTS_PER_SECOND = 15  # Vonage's troubleshooting guide
PAGE = 100
MOST_PAGES = 10
_REGIONS = (".nexmo.com", ".vonage.com")


@dataclass(frozen=True)
class Call:
    """A call as the platform names it."""

    uuid: str
    conversation_uuid: str


class VoiceApi:
    """The Voice API of one application.

    Args:
        url: such as https://api.nexmo.com.
        application: its id.
        private_key: PEM, RSA.
        wall: seconds since 1970.
        clock: seconds, monotonic.
        sleep: waits for seconds.

    """

    def __init__(
        self,
        url: str,
        application: str,
        private_key: str,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self._application = application
        self._private_key = private_key
        self._wall = wall
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._window = RollingSecond(OTHER_REQUESTS_PER_SECOND)

    def create(self, body: dict[str, Any]) -> Call:
        """Place a call, once.

        Args:
            body: of POST /v1/calls.

        Raises:
            Throttled: not placed; the platform wants it later.
            NoAnswer: perhaps placed.
            Problem: not placed, and trying again would not help.

        """
        try:
            response = self._send("POST", f"{self.url}/v1/calls", body)
        except FetchError as error:
            if error.sent:
                raise NoAnswer(str(error)) from None
            raise unreachable(error) from None
        if response.status == 429:
            raise Throttled(retry_after(response))
        if response.status >= 500:
            raise NoAnswer(f"{self.url} answered {response.status}")
        if response.status != 201:
            raise problem_of(response)
        try:
            fields = json.loads(response.body)
            return Call(str(fields["uuid"]), str(fields["conversation_uuid"]))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise NoAnswer(f"{self.url} answered 201 without the call's uuids") from None

    def calls_since(self, moment: float) -> Iterator[dict[str, Any]]:
        """List the calls that began at or after a moment, the latest first.

        Args:
            moment: seconds since 1970.

        Raises:
            NoAnswer: the platform does not say.
            Problem: it refuses to.

        """
        start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
        for page in range(MOST_PAGES):
            query = {
                "date_start": start,
                "order": "desc",
                "page_size": PAGE,
                "record_index": page * PAGE,
            }
            response = self._asked("GET", f"{self.url}/v1/calls?{urlencode(query)}")
            try:
                found = json.loads(response.body)["_embedded"]["calls"]
                yield from (call for call in found if isinstance(call, dict))
            except (ValueError, KeyError, TypeError, RecursionError):
                raise NoAnswer(f"{self.url} sent no list of calls") from None
            if len(found) < PAGE:
                return

    def get(self, call: str, region: str | None = None) -> dict[str, Any]:
        """Return a call as the platform shows it.

        Raises:
            NoAnswer: the platform does not say.
            Problem: there is no such call, or the platform refuses.

        """
        response = self._asked("GET", self._of(call, region))
        try:
            shown = json.loads(response.body)
        except (ValueError, RecursionError):
            shown = None
        if not isinstance(shown, dict):
            raise NoAnswer(f"{self.url} did not send a call")
        return shown

    def steer(
        self,
        call: str,
        method: str,
        what: str = "",
        body: dict[str, Any] | None = None,
        region: str | None = None,
    ) -> None:
        """Change a call: hang it up, say something to it, ...

        Args:
            call: the leg's uuid.
            method: PUT or DELETE.
            what: the part of it: "", "talk", "stream" or "dtmf".
            body: the request's body.
            region: the host to ask, from one of the call's events; None for the usual one.

        Raises:
            NoAnswer: perhaps it was changed.
            Problem: it was not.

        """
        self._asked(method, self._of(call, region) + (f"/{what}" if what else ""), body)

    def region(self, url: str) -> str | None:
        """Return the base URL that an event's `region_url` names.

        None unless both it and this API are Vonage's own: tokens go nowhere else.
        """
        return url.rstrip("/") if _is_vonage(url) and _is_vonage(self.url) else None

    def _of(self, call: str, region: str | None) -> str:
        return f"{region or self.url}/v1/calls/{quote(call, safe='')}"

    def _asked(self, method: str, url: str, body: dict[str, Any] | None = None) -> Response:
        """Send a request that may be repeated, in its turn."""
        deadline = self._clock() + STEERING_SECONDS
        while True:
            self._wait_for_turn()
            try:
                response = self._send(method, url, body)
            except FetchError as error:
                if error.sent:
                    raise NoAnswer(str(error)) from None
                raise unreachable(error) from None
            finally:
                with self._lock:
                    self._window.answered(self._clock())
            pause = retry_after(response)
            if response.status == 429 and self._clock() + pause < deadline:
                self._sleep(pause)
                continue
            if response.status >= 500:
                raise NoAnswer(f"{self.url} answered {response.status}")
            if response.status >= 300:
                raise problem_of(response)
            return response

    def _wait_for_turn(self) -> None:
        while True:
            with self._lock:
                pause = self._window.wait(self._clock())
                if not pause:
                    self._window.sent()
                    return
            self._sleep(pause)

    def _send(self, method: str, url: str, body: dict[str, Any] | None) -> Response:
        headers = {"Authorization": f"Bearer {self._token()}"}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        return send(method, url, content, headers, ANSWER_SECONDS)

    def _token(self) -> str:
        now = int(self._wall())
        claims = {
            "application_id": self._application,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": str(uuid.uuid4()),
        }
        return jwt.encode(claims, self._private_key, algorithm="RS256")


def _is_vonage(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and (parts.hostname or "").endswith(_REGIONS)
