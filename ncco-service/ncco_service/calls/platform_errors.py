"""Errors of the platform: what its status codes mean here, and what to do about them."""

import json

from ncco_service.http.errors import Problem
from ncco_service.http.fetch import FetchError, Response

__all__ = ["NoAnswer", "Throttled", "problem_of", "retry_after", "unreachable"]

_MEANING = {
    400: ("platform_refused", "correct what the message names"),
    401: (
        "platform_unauthorized",
        "check that VONAGE_PRIVATE_KEY or VONAGE_PRIVATE_KEY_FILE is the key of the application "
        "in VONAGE_APPLICATION_ID, and that this machine's clock is right",
    ),
    402: ("no_credit", "top up the account that the application in VONAGE_APPLICATION_ID is in"),
    403: (
        "platform_forbids",
        "check that VONAGE_NUMBER is a number of the application in VONAGE_APPLICATION_ID",
    ),
    404: (
        "no_such_call",
        "it has ended, or it is in another region than VONAGE_API_URL: see GET /calls",
    ),
    409: ("conflict", "wait until the call is answered, or is in a state that allows this"),
    429: ("too_many_requests", "try again after the seconds in Retry-After"),
}


class Throttled(Exception):
    """The platform wants fewer requests (429); `seconds` to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the platform allows more requests in {seconds:g} s")
        self.seconds = seconds


class NoAnswer(Exception):
    """A request was sent, but its result is unknown."""


def retry_after(response: Response) -> float:
    """Return the seconds after which the platform wants a request again."""
    text = response.headers.get("retry-after", "")
    return min(float(text), 60.0) if text.isdecimal() else 1.0


def unreachable(error: FetchError) -> Problem:
    """Return the problem of a request that did not reach the platform."""
    hint = "check VONAGE_API_URL, and that this machine reaches it; nothing was placed or changed"
    return Problem(502, "platform_unreachable", str(error), hint)


def problem_of(response: Response) -> Problem:
    """Return the platform's error as one of ours, with a hint."""
    try:
        fields = json.loads(response.body)
        said = fields.get("detail") or fields.get("error_title") or fields.get("title") or ""
        wrong = "; ".join(
            f"{each['name']}: {each['reason']}" for each in fields.get("invalid_parameters", [])
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        said = wrong = ""
    slug, hint = _MEANING.get(response.status, ("platform_error", "see the service's log"))
    if response.status in (400, 403, 422) and ("from" in wrong or "number" in str(said)):
        hint = f"{_MEANING[403][1]}; {hint}"
    message = f"the platform answered {response.status}: {str(said)[:300] or 'nothing more'}"
    if wrong:
        message += f" ({wrong[:300]})"
    # The platform's 401 is about us, not about the operator who asks.
    status = {401: 502, 403: 502, 422: 400}.get(response.status, response.status)
    if not 400 <= status <= 599:
        status = 502
    headers = {"Retry-After": f"{retry_after(response):.0f}"} if status == 429 else None
    return Problem(status, slug, message, hint, headers)
