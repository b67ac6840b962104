"""What the platform would do with an action and the phone does not simulate. Pure."""

from phone.platform.ncco.actions import Action, Connect, Input, Record, Talk
from phone.platform.ncco.endpoints import Model, Phone, WebSocket

__all__ = ["unsimulated"]

FIELDS: dict[type[Model], tuple[str, ...]] = {
    Talk: ("style", "premium", "provider"),
    Record: ("split", "channels", "transcription"),
    Connect: ("random_from_number",),
    Phone: ("shaken",),
}


def unsimulated(action: Action) -> list[str]:
    """Return the names of an action's fields that change nothing here, for a line in a report."""
    names = _set(action)
    match action:
        case Talk() if action.words != action.text:
            names.append("SSML")
        case Input() if "speech" in action.type:
            names.append("speech")
        case Connect():
            endpoint = action.endpoint[0]
            names += _set(endpoint)
            if isinstance(endpoint, WebSocket) and action.ringback_tone is not None:
                names.append("ringbackTone")
    return names


def _set(model: Model) -> list[str]:
    fields = type(model).model_fields
    return [
        fields[name].alias or name
        for name in FIELDS.get(type(model), ())
        if getattr(model, name) != fields[name].default
    ]
