"""Callers and events with malicious content in their fields."""

from __future__ import annotations

import json
from typing import Any

from tests.attacks.floods import poisoned
from tests.attacks.http import Webhooks
from tests.attacks.target import Attacks, Unsafe, every, require
from tests.attacks.tickets import SIGNATURE_SECRET, SOCKET_SECRET
from tests.attacks.webhooks import PATHS, body_of_call, fields_of_call

__all__ = ["callers"]

callers: Attacks[Webhooks] = Attacks()


def _check_answer(body: bytes, plain: list[Any], caller: str) -> None:
    """Compare the answer for a malicious caller with that for an ordinary one."""
    require(SIGNATURE_SECRET.encode() not in body, "it told the signature's secret")
    require(SOCKET_SECRET.encode() not in body, "it told the socket's secret")
    ncco = json.loads(body)
    actions = [action["action"] for action in ncco]
    if actions == ["talk"] and len(caller) > 500:
        return  # the apology: the platform would not take headers of over 512 bytes
    require(actions == [action["action"] for action in plain], f"the NCCO became {actions}")
    endpoint, plain_endpoint = ncco[-1]["endpoint"][0], plain[-1]["endpoint"][0]
    for name in ("type", "uri", "content-type"):
        require(endpoint[name] == plain_endpoint[name], f"{name} became {endpoint[name]!r}")
    require(ncco[-1]["eventUrl"] == plain[-1]["eventUrl"], "the event URL changed")
    extra = set(endpoint["headers"]) - set(plain_endpoint["headers"])
    require(not extra, f"headers appeared: {extra}")
    if "${" in caller:
        said = str(endpoint["headers"].get("from", ""))
        require("ws://" not in said and "wss://" not in said, f"it expanded {caller!r}: {said!r}")
    size = len(json.dumps(endpoint["headers"]).encode())
    require(size <= 512, f"the headers became {size} bytes, and the platform takes 512")


@callers("answers with the same NCCO, but for the caller's text; nothing is expanded")
async def poisonous_callers(target: Webhooks) -> str:
    """Callers with quotes, line breaks, JSON, placeholders, escapes, or of the wrong type."""
    plain = json.loads((await target.get(fields_of_call())).body)
    own_action = '"}]},{"action":"talk","text":"owned"},{"x":{"y":[{"z":"'
    texts = {
        "quotes": "\"'`\\",
        "JSON": own_action,
        "an object": '{"action":"talk"}',
        "a line break": "447700900123\r\nX-Header: x\r\n\r\n",
        **{f"placeholder {text}": text for text in ("${secret}", "${socket_url}", "${from}")},
        "placeholders within": "${${from}}$${to}{from}%(from)s%s{{7*7}}$(id)`id`",
        "VONAGE_SIGNATURE_SECRET": "${VONAGE_SIGNATURE_SECRET}${SOCKET_SECRET}",
        "markup": "<break time='10s'/><script>alert(1)</script>",
        "a path": "../../../../etc/passwd",
        "a long one": "9" * 4000,
        "long and wide": "\N{GRINNING FACE}" * 1000,
        "NUL": "a\0b",
        "nothing": "",
        "blanks": "   ",
        "anonymous": "anonymous",
    }
    texts |= {f"poison {n}": text for n, text in enumerate(poisoned()[:16])}

    async def call(caller: str) -> str:
        for reply in (
            await target.get(fields_of_call(**{"from": caller})),
            await target.post(
                body_of_call(**{"from": caller, "custom_data": caller, caller: caller})
            ),
        ):
            # Long ones may be refused; what is only ugly is still a caller.
            fine = (200, 400, 414) if len(caller) > 500 else (200,)
            require(reply.status in fine, f"answered with {reply}: {reply.body[:200]!r}")
            if reply.status == 200:
                _check_answer(reply.body, plain, caller)
        return "answered"

    return await every(texts.items(), call)


@callers("answers, or refuses with 400; never 500")
async def callers_of_the_wrong_type(target: Webhooks) -> str:
    """Fields of the wrong type, lone surrogates, and duplicate fields."""
    values: dict[str, object] = {
        "a number": 447700900123,
        "a huge number": 10**400,
        "a fraction": 1e308,
        "true": True,
        "null": None,
        "a list": ["447700900123"],
        "an object": {"$ne": ""},
        "half a character": "\ud83d",
    }

    async def call(variant: tuple[str, object]) -> str:
        body = json.dumps(fields_of_call(**{variant[0]: variant[1]})).encode()
        for path in PATHS:
            reply = await target.post(body, path)
            require(reply.status in (200, 204, 400), f"{path} answered with {reply}")
        return "answered or refused"

    names = ("from", "to", "uuid", "conversation_uuid", "status", "original_request")
    variants = [
        (f"{name} {kind}", (name, value)) for name in names for kind, value in values.items()
    ]
    twice = b'{"from":"1","from":"2","uuid":"a","uuid":"b","to":"3","conversation_uuid":"c"}'
    reply = await target.post(twice)
    require(reply.status in (200, 400), f"fields twice: {reply}")
    return await every(variants, call)


@callers("writes no line as it came", seconds=20)
async def poisonous_events(target: Webhooks) -> str:
    """Events whose every field holds escapes, line breaks and forged log lines."""

    async def tell(text: str) -> str:
        fields = dict.fromkeys(("from", "to", "uuid", "status", "reason", "detail"), text)
        reply = await target.post(json.dumps({**fields, text: text}).encode(), "/events")
        if reply.status not in (200, 204, 400):
            raise Unsafe(f"answered with {reply}")
        return "taken"

    return await every(((f"text {n}", text) for n, text in enumerate(poisoned()[:16])), tell)
