"""The fields of a webhook: the query of a GET, or the JSON object of a POST.

Source: Vonage's webhook reference. Unknown fields are ignored.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from flask import Request
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]  # has no types
from werkzeug.exceptions import RequestEntityTooLarge

from ncco_service.http.errors import Problem

__all__ = ["any_text", "body_of", "fields_of", "lenient_text", "object_of", "text"]

_HALF_A_CHARACTER = re.compile("[\ud800-\udfff]")
_HINT = "send one JSON object, as Vonage's webhook reference describes it"


def fields_of(request: Request) -> dict[str, Any]:
    """Read the fields.

    Raises:
        Problem: 400 when the body is not one JSON object, 415 when it is not JSON by its type.
        RequestEntityTooLarge: the body is over the limit.

    """
    if request.method != "POST":
        return request.args.to_dict()
    body = body_of(request)
    # The usual type needs no parsing.
    if request.content_type != "application/json" and request.mimetype and not request.is_json:
        raise Problem(
            415,
            "unsupported_media_type",
            f"the body's content type is {request.mimetype[:80]!r}",
            "Vonage sends application/json when the webhook's method is POST; "
            "set the method to POST or GET in the Vonage application",
        )
    if not body.strip() and not request.mimetype:
        return {}
    return _object_in(body, _HINT)


def object_of(request: Request, hint: str) -> dict[str, Any]:
    """Read the JSON object in a request's body.

    Args:
        request: whose body is read.
        hint: what to do about a body that is something else.

    Raises:
        Problem: 400 when it is not one JSON object.
        RequestEntityTooLarge: the body is over the limit.

    """
    return _object_in(body_of(request), hint)


def _object_in(body: bytes, hint: str) -> dict[str, Any]:
    try:
        fields = _JSON.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except RecursionError:
        raise Problem(400, "bad_json", "the body is nested too deeply", hint) from None
    except UnicodeDecodeError as error:
        seen = f"the body is not UTF-8 at byte {error.start}"
        raise Problem(400, "bad_json", seen, hint) from None
    except json.JSONDecodeError as error:
        seen = f"the body is not JSON at line {error.lineno}, column {error.colno}: {error.msg}"
        raise Problem(400, "bad_json", seen, hint) from None
    except ValueError as error:
        raise Problem(400, "bad_json", f"the body is not JSON: {error}", hint) from None
    if not isinstance(fields, dict):
        kind = type(fields).__name__
        raise Problem(400, "bad_json", f"the body is JSON, but not an object: {kind}", hint)
    return fields


def body_of(request: Request) -> bytes:
    """Read the body as it was sent.

    Raises:
        Problem: 400 when it is not valid HTTP, such as a chunk without its length.
        RequestEntityTooLarge: it is over the limit.

    """
    try:
        body = request.get_data(cache=True)
    except ParseException as error:
        seen = f"the body is not valid HTTP: {type(error).__name__}"
        raise Problem(400, "bad_request", seen, _HINT, {"Connection": "close"}) from None
    if len(body) >= (request.max_content_length or math.inf):
        raise RequestEntityTooLarge
    return body


def text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field as text: "" when it is missing or null, numbers and booleans as written.

    Raises:
        Problem: 400 when it is a list or an object, or holds half a character.

    """
    value = fields.get(name)
    if isinstance(value, list | dict):
        seen = f"the field {name!r} is {'a list' if isinstance(value, list) else 'an object'}"
        raise Problem(400, "bad_field", seen, "send it as a string")
    return _whole(name, _written(value))


def any_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field of any kind as text: lists and objects as JSON, "" when it is missing.

    Raises:
        Problem: 400 when it holds half a character.

    """
    value = fields.get(name)
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _whole(name, _written(value))


def _whole(name: str, written: str) -> str:
    if _HALF_A_CHARACTER.search(written):
        seen = f"the field {name!r} holds half of a surrogate pair"
        raise Problem(400, "bad_field", seen, "send it as a string of whole characters")
    return written


def lenient_text(fields: Mapping[str, Any], name: str) -> str:
    """Return a field as text; "" for a list or an object, too."""
    value = fields.get(name)
    return "" if isinstance(value, list | dict) else _written(value)


def _written(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not a JSON number")


_JSON = json.JSONDecoder(parse_constant=_no_constant)
