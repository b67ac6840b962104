"""A prepared answer is, to the byte, what filling the template and writing it as JSON gives."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.ncco.prepared import MAX_FORMS, PreparedAnswer
from ncco_service.ncco.template import PLACEHOLDERS, Template, TemplateError, load
from ncco_service.ncco.tickets import with_authorization
from ncco_service.ncco.traceparent import TraceparentHeader

HOME = Path(__file__).resolve().parent.parent
Write = Callable[[Any], Path]

CONNECT = {
    "action": "connect",
    "from": "${from}",
    "endpoint": [
        {
            "type": "websocket",
            "uri": "${socket_url}?call=${uuid}&of=100%25",
            "headers": {"uuid": "${uuid}", "both": "${from}${to}", "id": "${conversation_uuid}"},
        }
    ],
}
TEMPLATES: dict[str, list[dict[str, Any]]] = {
    "as shipped": load(HOME / "ncco.json").document,
    "percent signs and braces": [
        {"action": "talk", "text": '100 % of %(uuid)s, %s, ${, {} \u00e9 "quoted" ${from}'},
        CONNECT | {"eventUrl": ["${events_url}"]},
    ],
    "the caller is who was called": [CONNECT | {"from": "${to}"}],
    "no number as the caller": [CONNECT | {"from": "call ${uuid}"}],
    "a caller of its own": [CONNECT | {"from": "447700900123"}],
    "with a traceparent of its own": [
        {
            "action": "connect",
            "endpoint": [
                {"type": "websocket", "uri": "${socket_url}", "headers": {"traceparent": "own"}}
            ],
        }
    ],
    "without room for a traceparent": [
        {
            "action": "connect",
            "endpoint": [
                {
                    "type": "websocket",
                    "uri": "${socket_url}",
                    "headers": {"uuid": "${uuid}", "long": "x" * 400},
                }
            ],
        }
    ],
    "with an authorization": [
        {
            "action": "connect",
            "endpoint": [
                {
                    "type": "websocket",
                    "uri": "${socket_url}",
                    "authorization": {"type": "custom", "value": "Basic x"},
                }
            ],
        }
    ],
}
NUMBERS = st.from_regex(r"[1-9][0-9]{5,15}", fullmatch=True)
IDS = st.uuids().map(str)
ANYTHING = st.sampled_from(
    ["", "anonymous", "+447700900000", "${uuid}", "%(to)s", "\u2028\ud83d\ude00", "x" * 600, '"']
)
VALUES = st.fixed_dictionaries(
    {
        "from": NUMBERS | ANYTHING,
        "to": NUMBERS | ANYTHING,
        "uuid": IDS | st.uuids().map(lambda each: each.hex) | ANYTHING,
        "conversation_uuid": IDS.map("CON-{}".format) | ANYTHING,
        "socket_url": st.sampled_from(
            ["wss://a.example/socket", "ws://b/socket?x=${uuid}%20%(to)s"]
        ),
        "events_url": st.sampled_from(["https://a.example/webhooks/events", "https://b/é"]),
    }
)
PREPARED = {
    name: PreparedAnswer(Template(Path(name), document), TraceparentHeader())
    for name, document in TEMPLATES.items()
}


@pytest.mark.parametrize("name", TEMPLATES)
@given(
    values=VALUES,
    authorization=st.sampled_from([None, {"type": "vonage"}, {"type": "%s"}]),
    traceparent=st.none() | st.from_regex("00-[0-9a-f]{32}-[0-9a-f]{16}-01", fullmatch=True),
)
def test_the_text_is_the_filled_templates(
    name: str,
    values: dict[str, str],
    authorization: dict[str, str] | None,
    traceparent: str | None,
) -> None:
    """For callers of every kind, first and later ones; and what is refused is refused alike."""
    template = Template(Path(name), TEMPLATES[name])
    problems: tuple[str, ...] = ()
    try:
        document = template.fill(values)
    except TemplateError as error:
        problems = error.problems
    if problems:
        with pytest.raises(TemplateError) as refused:
            PREPARED[name].text(values, authorization, traceparent)
        assert refused.value.problems == problems
        return
    if traceparent:
        document = TraceparentHeader().put(document, traceparent)
    if authorization:
        document = with_authorization(document, authorization)
    assert PREPARED[name].text(values, authorization, traceparent) == json.dumps(document)


def test_a_value_that_is_refused_does_not_refuse_the_next_caller() -> None:
    """Nothing is kept of a call whose values the platform would refuse."""
    prepared = PreparedAnswer(
        Template(Path("ncco.json"), TEMPLATES["as shipped"]), TraceparentHeader()
    )
    with pytest.raises(TemplateError):
        prepared.text(PLACEHOLDERS | {"to": "x" * 600}, None)
    assert PLACEHOLDERS["to"] in prepared.text(PLACEHOLDERS, None)


def test_what_is_kept_is_bounded() -> None:
    """However many hosts requests name, memory is not theirs to take."""
    prepared = PreparedAnswer(
        Template(Path("ncco.json"), TEMPLATES["as shipped"]), TraceparentHeader()
    )
    for number in range(3 * MAX_FORMS):
        url = f"https://host-{number}.example/webhooks/events"
        assert url in prepared.text(PLACEHOLDERS | {"events_url": url}, None)
    assert len(prepared._forms) <= MAX_FORMS
