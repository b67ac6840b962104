"""Error responses, all of one shape: `{"error": ..., "message": ..., "hint": ...}`."""

import json

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from ncco_service.http.refusals import Refusals

__all__ = ["Problem", "register", "reply"]

logger = structlog.get_logger()

_MESSAGES = {
    404: "nothing is served at this path",
    405: "this path does not accept this method",
    413: "the body is too long",
}
_HINTS = {
    405: "the header Allow names those that it accepts",
    413: "Vonage's webhooks are far smaller; MAX_BODY_BYTES sets the limit",
    415: "send the fields as the query of a GET, or as a POST with content type application/json",
}


class Problem(Exception):
    """A request that cannot be served, with the error response for its sender.

    Args:
        status: the HTTP status.
        slug: the error's name for programs.
        message: what was seen.
        hint: what to do.
        headers: further headers of the response.

    """

    def __init__(
        self,
        status: int,
        slug: str,
        message: str,
        hint: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.slug = slug
        self.message = message
        self.hint = hint
        self.headers = headers or {}


def reply(problem: Problem) -> Response:
    """Make the response for a problem."""
    body = {"error": problem.slug, "message": problem.message, "hint": problem.hint}
    return Response(json.dumps(body), problem.status, problem.headers, "application/json")


def register(app: Flask, paths: str, refusals: Refusals) -> None:
    """Make the application answer every error in this shape, never with a traceback.

    Args:
        app: the application.
        paths: what to tell someone who asked for a path that is not served.
        refusals: counts and logs them.

    """

    def refused(problem: Problem) -> Response:
        refusals.note(
            request.method,
            request.path,
            problem.status,
            problem.slug,
            problem.message,
            request.remote_addr,
            problem.hint,
            # A caller was not served: each one is logged.
            always=problem.status == 503,
        )
        return reply(problem)

    app.register_error_handler(Problem, refused)
    app.register_error_handler(HTTPException, lambda error: refused(_http(error, paths)))
    app.register_error_handler(Exception, _unexpected)


def _http(error: HTTPException, paths: str) -> Problem:
    status = error.code or 500
    slug = error.name.lower().replace(" ", "_")
    message = _MESSAGES.get(status, error.description or error.name)
    hint = paths if status == 404 else _HINTS.get(status, "docs/wire.md says what is accepted")
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return Problem(status, slug, message, hint, headers)


def _unexpected(error: Exception) -> Response:
    logger.error("unexpected_error", exc_info=error)
    problem = "an internal error occurred"
    return reply(Problem(500, "internal_error", problem, "the service's log says where"))
