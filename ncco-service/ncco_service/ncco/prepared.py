"""Cache of filled templates: calls of the same form share one check, and a text with gaps.

What the platform refuses depends on the form and the length of a caller's number or a call's id,
not on its digits. So calls that differ in nothing else share a text, which is checked once.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from ncco_service.ncco.template import NUMBER, PLACEHOLDERS, Template
from ncco_service.ncco.tickets import with_authorization
from ncco_service.ncco.traceparent import TraceparentHeader, with_header

__all__ = ["PreparedAnswer"]

MAX_FORMS = 256

_ID = re.compile(r"(CON-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")
_KINDS = {"from": NUMBER, "to": NUMBER, "uuid": _ID, "conversation_uuid": _ID}
_URLS = ("socket_url", "events_url")
_PLACEHOLDER = re.compile(rf"\$\{{({'|'.join(PLACEHOLDERS)})\}}")
# No template has these: as placeholders they are unknown.
_AUTHORIZATION = "${authorization}"
_TRACEPARENT = "${traceparent}"


class PreparedAnswer:
    """Fills a template as JSON text.

    Args:
        template: of the answer.
        traceparents: gives the socket the name of the call's trace.

    """

    def __init__(self, template: Template, traceparents: TraceparentHeader) -> None:
        self._template = template
        self._traceparents = traceparents
        self._forms: dict[tuple[object, ...], str] = {}

    def text(
        self,
        values: Mapping[str, str],
        authorization: Mapping[str, str] | None,
        traceparent: str | None = None,
    ) -> str:
        """Fill it for one call.

        Args:
            values: as in `Template.fill`.
            authorization: of the websocket, or None.
            traceparent: of the call's trace, or None.

        Returns:
            The same as filling the template and writing it as JSON.

        Raises:
            TemplateError: the values make it a document that the platform would refuse.

        """
        key = _kind(values)
        if key is None or self._template.query:
            filled = self._template.fill(values)
            if traceparent:
                filled = self._traceparents.put(filled, traceparent)
            return json.dumps(_with(filled, authorization))
        key = (*key, authorization is None, traceparent is None)
        form = self._forms.get(key)
        if form is None:
            if len(self._forms) == MAX_FORMS:
                self._forms.clear()
            form = self._form(values, authorization is not None, traceparent)
            self._forms[key] = form
        if authorization is None and traceparent is None:
            return form % values
        given = {"authorization": json.dumps(authorization), "traceparent": traceparent}
        return form % {**values, **given}

    def _form(self, values: Mapping[str, str], authorized: bool, traceparent: str | None) -> str:
        """Check one call's document; return its text, with %(name)s for what differs."""
        filled = self._template.fill(values)
        document = [
            {name: raw[name] for name in action}  # without a `from` that was left out
            for action, raw in zip(filled, self._template.document, strict=True)
        ]
        if traceparent and self._traceparents.put(filled, traceparent) != filled:
            document = with_header(document, _TRACEPARENT)
        text = json.dumps(_with(document, _AUTHORIZATION if authorized else None))
        text = text.replace("%", "%%").replace(f'"{_AUTHORIZATION}"', "%(authorization)s")
        text = text.replace(_TRACEPARENT, "%(traceparent)s")

        def slot(match: re.Match[str]) -> str:
            name = match[1]
            if name in _URLS:
                return json.dumps(values[name])[1:-1].replace("%", "%%")
            return f"%({name})s"

        return _PLACEHOLDER.sub(slot, text)


def _kind(values: Mapping[str, str]) -> tuple[object, ...] | None:
    """Return the cache's key for a call's document; None if it cannot be shared."""
    lengths = []
    for name, kind in _KINDS.items():
        value = values[name]
        if not kind.fullmatch(value):
            return None
        lengths.append(len(value))
    return (*lengths, values["socket_url"], values["events_url"])


def _with(document: list[dict[str, Any]], authorization: Any) -> list[dict[str, Any]]:
    return with_authorization(document, authorization) if authorization else document
