"""The Application API's document: what GET shows of a registration, and what PUT makes of it."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from phone.platform.api.calls import ApiError
from phone.platform.registration import Registration, Webhook, Webhooks

__all__ = ["get_application", "put_application"]

EVENTS = ("answer_url", "event_url", "fallback_answer_url")


def get_application(
    registration: Registration, document: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the application as GET /v2/applications/{id} does.

    Args:
        registration: the application.
        document: as it was last PUT, whatever is in it; None: it was not.

    """
    own = {
        "id": registration.id,
        "_links": {"self": {"href": f"/v2/applications/{registration.id}"}},
    }
    if document is not None:
        return {"keys": {"public_key": None}, "capabilities": {}, **document, **own}
    hooks: dict[str, Any] = {}
    for name in EVENTS:
        webhook: Webhook | None = getattr(registration.webhooks, name)
        if webhook is not None:
            hooks[name] = {"address": webhook.address, "http_method": webhook.http_method}
    signed = registration.signature_secret is not None
    return {
        **own,
        "name": registration.name,
        "keys": {"public_key": registration.public_key},
        "privacy": {"improve_ai": False},
        "capabilities": {"voice": {"webhooks": hooks, "signed_callbacks": signed}},
    }


def put_application(registration: Registration, document: Any) -> Registration:
    """Return the registration that PUT replaces it with; what is left out is lost, as there.

    Raises:
        ApiError: a field is wrong or missing.

    """
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise ApiError(400, "name is required", [{"name": "name", "reason": "is required"}])
    capabilities = document.get("capabilities")
    voice = capabilities.get("voice") if isinstance(capabilities, dict) else None
    hooks = voice.get("webhooks") if isinstance(voice, dict) else None
    keys = document.get("keys")
    found = {}
    for name in EVENTS:
        webhook = hooks.get(name) if isinstance(hooks, dict) else None
        if isinstance(webhook, dict) and "address" in webhook:
            kept = {key: webhook[key] for key in ("address", "http_method") if key in webhook}
            found[name] = kept
    try:
        return Registration.model_validate(
            registration.model_dump()
            | {
                "name": document["name"],
                "webhooks": Webhooks.model_validate(found),
                "public_key": keys.get("public_key") if isinstance(keys, dict) else None,
            }
        )
    except ValidationError as error:
        reasons = [
            {"name": ".".join(map(str, d["loc"])), "reason": d["msg"]} for d in error.errors()
        ]
        raise ApiError(400, "the application breaks a rule", reasons) from error
