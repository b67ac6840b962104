"""The HTTP server of the API."""

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from phone.constants import BODY_MAX_BYTES, REQUESTS_PER_SECOND
from phone.legs.log import Problem
from phone.platform.api.applications import get_application, put_application
from phone.platform.api.bodies import (
    AsyncInputBody,
    CallBody,
    CallsQuery,
    DtmfBody,
    SteerBody,
    StreamBody,
    TalkBody,
)
from phone.platform.api.calls import ApiError, Calls
from phone.platform.api.tokens import Unauthorized, check_basic, check_token
from phone.platform.limits import RollingLimit
from phone.platform.mixing.recording import FORMATS
from phone.platform.switch import Switch
from phone.words import counted

__all__ = ["application_of"]

Body = TypeVar("Body", bound=BaseModel)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REFUSALS_SAID_PER_SECOND = 5
PATH_CHARACTERS = 100
ADVICE = "docs/phone.md lists what is served"
TITLES = {
    400: ("VALIDATION", "Bad Request"),
    401: ("UNAUTHORIZED", "Unauthorized"),
    404: ("NOT_FOUND", "Not Found"),
    405: ("METHOD_NOT_ALLOWED", "Method Not Allowed"),
    409: ("CONFLICT", "Conflict"),
    413: ("TOO_LARGE", "Payload Too Large"),
    429: ("THROTTLED", "Too Many Requests"),
    500: ("SERVER_ERROR", "Internal Server Error"),
}


def application_of(switch: Switch) -> web.Application:
    """Return the aiohttp application that serves a network's API."""
    server = _Server(switch)
    application = web.Application(client_max_size=BODY_MAX_BYTES, middlewares=[server.guard])
    application.add_routes(
        [
            web.post("/v1/calls", server.create),
            web.get("/v1/calls", server.list),
            web.get("/v1/calls/{uuid}", server.get),
            web.put("/v1/calls/{uuid}", server.steer),
            web.put("/v1/calls/{uuid}/talk", server.talk),
            web.delete("/v1/calls/{uuid}/talk", server.stop_talk),
            web.put("/v1/calls/{uuid}/stream", server.stream),
            web.delete("/v1/calls/{uuid}/stream", server.stop_stream),
            web.put("/v1/calls/{uuid}/dtmf", server.dtmf),
            web.put("/v1/calls/{uuid}/input/dtmf", server.start_input),
            web.delete("/v1/calls/{uuid}/input/dtmf", server.stop_input),
            web.get("/v1/files/{uuid}", server.recording),
            web.get("/v2/applications/{id}", server.get_application),
            web.put("/v2/applications/{id}", server.put_application),
        ]
    )
    return application


class _Server:
    def __init__(self, switch: Switch) -> None:
        self._switch = switch
        self._calls = Calls(switch)
        self._document: dict[str, Any] | None = None
        self._requests = RollingLimit(REQUESTS_PER_SECOND)
        self._said = RollingLimit(REFUSALS_SAID_PER_SECOND)
        self._unsaid = 0

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Check authentication and rate; answer errors in the API's shape."""
        try:
            registration = self._switch.registration
            authorization = request.headers.get("Authorization")
            if request.path.startswith("/v2/"):
                check_basic(authorization, registration)
            else:
                check_token(authorization, registration)
            if request.method == "POST" and request.path == "/v1/calls":
                pass  # has a limit of its own
            elif not self._requests.take():
                raise ApiError(429, f"more than {REQUESTS_PER_SECOND} requests a second")
            return await handler(request)
        except Unauthorized as error:
            return self._refuse(request, 401, str(error))
        except ApiError as error:
            return self._refuse(request, error.status, error.detail, error.parameters)
        except ValidationError as error:
            rule = "the request breaks a rule"
            return self._refuse(request, 400, rule, _parameters(error))
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return self._refuse(request, error.status, error.reason)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/calls."""
        body = await _body(request, CallBody)
        return web.json_response(self._calls.create(body), status=201)

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/calls."""
        query = CallsQuery.model_validate(dict(request.query))
        return web.json_response(self._calls.list(query))

    async def get(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/calls/{uuid}."""
        return web.json_response(self._calls.get(request.match_info["uuid"]))

    async def steer(self, request: web.Request) -> web.StreamResponse:
        """PUT /v1/calls/{uuid}."""
        body = await _body(request, SteerBody)
        await self._calls.steer(request.match_info["uuid"], body)
        return web.Response(status=204)

    async def talk(self, request: web.Request) -> web.StreamResponse:
        """PUT /v1/calls/{uuid}/talk."""
        body = await _body(request, TalkBody)
        return web.json_response(self._calls.talk(request.match_info["uuid"], body))

    async def stop_talk(self, request: web.Request) -> web.StreamResponse:
        """DELETE /v1/calls/{uuid}/talk."""
        return web.json_response(self._calls.stop(request.match_info["uuid"], "talk"))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """PUT /v1/calls/{uuid}/stream."""
        body = await _body(request, StreamBody)
        return web.json_response(self._calls.stream(request.match_info["uuid"], body))

    async def stop_stream(self, request: web.Request) -> web.StreamResponse:
        """DELETE /v1/calls/{uuid}/stream."""
        return web.json_response(self._calls.stop(request.match_info["uuid"], "stream"))

    async def dtmf(self, request: web.Request) -> web.StreamResponse:
        """PUT /v1/calls/{uuid}/dtmf."""
        body = await _body(request, DtmfBody)
        return web.json_response(self._calls.dtmf(request.match_info["uuid"], body))

    async def start_input(self, request: web.Request) -> web.StreamResponse:
        """PUT /v1/calls/{uuid}/input/dtmf."""
        body = await _body(request, AsyncInputBody)
        return web.json_response(self._calls.start_input(request.match_info["uuid"], body))

    async def stop_input(self, request: web.Request) -> web.StreamResponse:
        """DELETE /v1/calls/{uuid}/input/dtmf."""
        return web.json_response(self._calls.stop_input(request.match_info["uuid"]))

    async def recording(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/files/{uuid}: where `recording_url` leads."""
        recording = self._switch.recordings.get(request.match_info["uuid"])
        if recording is None:
            raise ApiError(404, "there is no such recording, or it is too old")
        return web.Response(body=recording.data, content_type=FORMATS[recording.format])

    async def get_application(self, request: web.Request) -> web.StreamResponse:
        """GET /v2/applications/{id}."""
        self._own(request)
        return web.json_response(get_application(self._switch.registration, self._document))

    async def put_application(self, request: web.Request) -> web.StreamResponse:
        """PUT /v2/applications/{id}: replaces the application."""
        self._own(request)
        document = await _json(request)
        self._switch.registration = put_application(self._switch.registration, document)
        self._document = document
        return web.json_response(get_application(self._switch.registration, document))

    def _refuse(
        self,
        request: web.Request,
        status: int,
        detail: str,
        parameters: Sequence[dict[str, str]] | None = None,
    ) -> web.Response:
        """Answer a refusal, and say it unless too many were said in this second."""
        if self._said.take():
            also = f" (and {counted(self._unsaid, 'refusal')} before)" if self._unsaid else ""
            self._unsaid = 0
            wrong = ", ".join(f"{each['name']}: {each['reason']}" for each in parameters or [])
            seen = f"{request.method} {request.path[:PATH_CHARACTERS]} → {status}{also}: {detail}"
            if self._switch.on_problem is not None:
                self._switch.on_problem(Problem("api", seen, wrong or ADVICE, "warning"))
        else:
            self._unsaid += 1
        return _refusal(status, detail, parameters)

    def _own(self, request: web.Request) -> None:
        if request.match_info["id"] != self._switch.registration.id:
            raise ApiError(404, "there is no application with this id")


async def _json(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON: {error}") from error


async def _body(request: web.Request, model: type[Body]) -> Body:
    return model.model_validate(await _json(request))


def _parameters(error: ValidationError) -> list[dict[str, str]]:
    return [
        {
            "name": ".".join(str(part) for part in detail["loc"]) or "body",
            "reason": detail["msg"].removeprefix("Value error, "),
        }
        for detail in error.errors(include_url=False)[:20]
    ]


def _refusal(
    status: int, detail: str, parameters: Sequence[dict[str, str]] | None = None
) -> web.Response:
    kind, title = TITLES.get(status, ("ERROR", "Error"))
    body: dict[str, Any] = {"type": kind, "error_title": title, "detail": detail}
    if parameters:
        body["invalid_parameters"] = list(parameters)
    headers = {"Retry-After": "1"} if status == 429 else None
    return web.json_response(body, status=status, headers=headers)
