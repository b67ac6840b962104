"""Templates: valid ones are filled, invalid ones are refused with every problem named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.ncco.template import PLACEHOLDERS, TemplateError, fill, load
from ncco_service.ncco.tickets import with_authorization, without_uuid

HOME = Path(__file__).resolve().parent.parent
Write = Callable[[Any], Path]


def socket(**fields: Any) -> dict[str, Any]:
    """Make a connect to the socket with further endpoint fields."""
    endpoint = {"type": "websocket", "uri": "${socket_url}", "content-type": "audio/l16;rate=8000"}
    return {"action": "connect", "endpoint": [endpoint | fields]}


def test_the_shipped_documents_are_valid() -> None:
    """The template can be filled; the fallback has no placeholders."""
    document = load(HOME / "ncco.json").fill(PLACEHOLDERS)
    assert [action["action"] for action in document] == ["talk", "connect"]
    assert document[1]["eventType"] == "synchronous"
    assert document[1]["eventUrl"] == ["https://voice.example.org/webhooks/events"]
    endpoint = document[1]["endpoint"][0]
    assert endpoint["uri"] == "wss://voice.example.org/socket"
    assert endpoint["headers"]["uuid"] == PLACEHOLDERS["uuid"]
    assert load(HOME / "ncco-fallback.json", {}).fill({})[0]["action"] == "talk"


MALFORMED: list[tuple[Any, list[str]]] = [
    ("[{", ["is not JSON: line 1, column 3"]),
    ('[{"action": "talk", "text": "hi",}]', ["is not JSON: line 1"]),
    ('[{"action": "talk", "text": "a", "text": "b"}]', ["the field text appears more than"]),
    ('[{"action": "talk", "text": "hi", "level": NaN}]', ["NaN is not a JSON number"]),
    ("[" * 100_000, ["is nested too deeply"]),
    ("[" * 700 + "]" * 700, ["my-ncco.json"]),
    ({"action": "talk", "text": "hi"}, ["allowed: a list of actions"]),
    ([], ["saw no action at all"]),
    (
        [{"action": "talk", "text": "Hello ${name}"}],
        ["action 1: text: saw the placeholder"],
    ),
    ([{"action": "talk", "text": "${}"}], ["saw the placeholder ${}; allowed: ${socket_url}, "]),
    ([socket(headers={"${from}": "x"})], ["saw '${from}' as a field's name"]),
    (
        [socket(uri="http://host/socket")],
        ["action 1 (connect): endpoint[0].uri", "ws:// or wss://"],
    ),
    ([socket(headers={"event": "x"})], ["endpoint[0].headers", "which the platform uses itself"]),
    (
        [{"action": "connect", "endpoint": [], "form": "1"}],
        [
            "endpoint: saw []",
            'form: saw this name, which Vonage does not know; did you mean "from"',
        ],
    ),
    ([{"action": "connect", "from": 1, **socket()}], ["from: saw 1"]),
    ([socket(uri="wss://{{socket_url}}/socket")], ['did you mean "${socket_url}"?']),
]


@pytest.mark.parametrize(("document", "parts"), MALFORMED)
def test_a_malformed_template_is_explained(write: Write, document: Any, parts: list[str]) -> None:
    """Each line names the file, the action, the field, what was seen, what is allowed."""
    file = write(document)
    with pytest.raises(TemplateError) as caught:
        load(file)
    assert all(line.startswith(f"{file}: ") for line in str(caught.value).splitlines())
    for part in parts:
        assert part in str(caught.value)


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    """A missing file, a folder and other encodings are named."""
    with pytest.raises(TemplateError, match=r"nix\.json: cannot be read \(No such file"):
        load(tmp_path / "nix.json")
    with pytest.raises(TemplateError, match="cannot be read"):
        load(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'[{"action": "talk", "text": "gr\xfc\xdfe"}]')
    with pytest.raises(TemplateError, match="is not UTF-8 at byte 31"):
        load(tmp_path / "latin.json")


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    """Editors on Windows put one in front."""
    file = tmp_path / "bom.json"
    file.write_bytes(b'\xef\xbb\xbf[{"action": "talk", "text": "hi"}]')
    assert load(file).fill({}) == [{"action": "talk", "text": "hi"}]


def test_a_fallback_may_hold_no_placeholder(write: Write) -> None:
    """It must be valid whatever a caller sends."""
    file = write([{"action": "talk", "text": "Sorry, ${from}"}])
    with pytest.raises(TemplateError, match="allowed: none in this file"):
        load(file, {})


def test_a_value_is_not_expanded_again(write: Write) -> None:
    """A placeholder in what a caller sends is not filled."""
    template = load(write([{"action": "talk", "text": "${from} called ${to}"}]))
    filled = template.fill(dict(PLACEHOLDERS) | {"from": "${to}", "to": '"}, {"a'})
    assert filled == [{"action": "talk", "text": '${to} called "}, {"a'}]


def test_warnings_are_kept_and_the_document_is_used(write: Write) -> None:
    """A name as the caller and unknown fields are sent as they are, each with a warning."""
    action = {"from": "Vonage", "mood": "good", "eventType": "synchronous", **socket()}
    template = load(write([action]))
    assert [line.partition(": ")[2].partition(" ")[0] for line in template.warnings] == [
        "mood",
        "from",
    ]
    (filled,) = template.fill(PLACEHOLDERS)
    assert filled["from"] == "Vonage"
    assert filled["mood"] == "good"


@pytest.mark.parametrize(
    ("action", "named"),
    [
        ({"action": "transfer", "conversationId": "CON-1"}, "action 2 (transfer): transfer"),
        (
            {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900789"}]},
            "action 2 (connect): an endpoint of type phone",
        ),
    ],
)
def test_what_only_the_platform_knows_is_passed_on_with_a_warning(
    write: Write, action: dict[str, Any], named: str
) -> None:
    """An action or an endpoint that this service never sends is served as written, and named."""
    document = [{"action": "talk", "text": "hello"}, action]

    loaded = load(write(document))

    assert loaded.fill(PLACEHOLDERS) == document
    passed_on = "is passed on unchecked, since this service sends none of its own"
    assert loaded.warnings == (f"{named} {passed_on}",)
    ticket = {"type": "custom", "value": "Bearer x"}
    assert with_authorization(document, ticket) == document
    assert without_uuid(document) == []


def test_the_rest_of_a_connect_to_a_telephone_is_checked(write: Write) -> None:
    """A slip of the pen stops the start; a name as the caller and unknown fields are warned of."""
    connect = {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900789"}]}
    for wrong in ({"evenUrl": ["https://a.example"]}, {"timeout": "soon"}):
        with pytest.raises(TemplateError, match=r"action 1 \(connect\): " + next(iter(wrong))):
            load(write([connect | wrong]))
    template = load(write([connect | {"from": "Vonage", "mood": "good", "timeout": "45"}]))
    assert [line.split()[3] for line in template.warnings] == ["an", "mood", "from"]


@pytest.mark.parametrize("style", ["{{uuid}}", "{{ uuid }}", "$uuid", "{uuid}", "%uuid%", "<uuid>"])
def test_placeholders_of_another_style_are_named(write: Write, style: str) -> None:
    """Outside of a host they are sent as they are; the warning has the right form."""
    template = load(write([socket(headers={"uuid": f"a {style}"}) | {"eventType": "synchronous"}]))
    assert template.warnings == (f'{style} is sent as it is; did you mean "${{uuid}}"?',)


@pytest.mark.parametrize(
    ("caller", "stays"),
    [("447700900000", True), ("", False), ("alice", False), ("+447", False)],
)
def test_a_caller_that_is_no_number_is_left_out_of_connect(
    write: Write, caller: str, stays: bool
) -> None:
    """`from` is optional for the platform, but it has to be digits."""
    template = load(write([{"from": "${from}", **socket()}]))
    (action,) = template.fill(dict(PLACEHOLDERS) | {"from": caller})
    assert ("from" in action) is stays


def test_values_that_make_the_document_invalid_are_refused(write: Write) -> None:
    """Headers that a caller makes too long are named, and the template still works afterwards."""
    template = load(write([socket(headers={"from": "${from}"})]))
    with pytest.raises(TemplateError, match="at most 512 bytes as JSON; these are 611"):
        template.fill(dict(PLACEHOLDERS) | {"from": "x" * 600})
    assert template.fill(PLACEHOLDERS)


def shape(value: Any) -> Any:
    """Reduce a document to its structure: keys, lengths, kinds and what is not a string."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return "a string" if isinstance(value, str) else value


texts = st.text() | st.sampled_from([f"a ${{{name}}} b" for name in PLACEHOLDERS])
texts = texts.filter(lambda text: "${" not in text or "} b" in text)
documents = st.recursive(
    texts | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
hostile = st.text() | st.sampled_from(['"}],[{"', "${uuid}", "${", "\\", "\n", "\x00", "\ud800"])


@given(documents, st.fixed_dictionaries(dict.fromkeys(PLACEHOLDERS, hostile)))
def test_filling_never_changes_the_structure(document: Any, values: dict[str, str]) -> None:
    """Whatever values come, keys, lengths and kinds stay, also after a trip through JSON."""
    filled = fill(document, values)
    assert shape(filled) == shape(document)
    assert shape(json.loads(json.dumps(filled))) == shape(document)


@given(st.fixed_dictionaries(dict.fromkeys(PLACEHOLDERS, hostile)))
def test_each_placeholder_becomes_exactly_its_value(values: dict[str, str]) -> None:
    """One pass, left to right, nothing else touched."""
    names = list(PLACEHOLDERS)
    text = "|".join(f"${{{name}}}" for name in names)
    assert fill([text], values) == ["|".join(values[name] for name in names)]
