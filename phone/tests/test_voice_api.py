"""The API's own rules: who may ask, how often, for what, and the answers in its shapes."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from phone.legs.assumptions import Assumptions
from phone.legs.log import Problem
from phone.legs.telephone import Callee
from phone.platform.limits import RollingLimit
from phone.platform.network import Network
from phone.testing import FakeApplication
from platform_api import API_SECRET, APPLICATION, OWN, PUBLIC, Client, registration, soon, token

ANNE = "447700900789"
PHONE = {"type": "phone", "number": ANNE}
WAIT = [{"action": "wait", "timeout": 60}]
GOOD: dict[str, Any] = {"to": [PHONE], "from": {"type": "phone", "number": OWN}, "ncco": WAIT}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the second at which the limits' clocks stand still."""
    second = [0.0]
    monkeypatch.setattr(RollingLimit.__init__, "__defaults__", (lambda: second[0],))
    return second


@pytest.fixture
async def network() -> AsyncIterator[Network]:
    """Return a network with Anne, who answers at once."""
    async with Network(
        registration(), callees={ANNE: Callee(answer_after=0)}, talk="realtime"
    ) as network:
        yield network


@pytest.fixture
async def client(network: Network) -> AsyncIterator[Client]:
    """Return a client of the network's API."""
    async with aiohttp.ClientSession() as session:
        yield Client(network.url, session)


def stranger() -> str:
    """Return another application's private key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


NOW = int(time.time())


class TestTokens:
    """The application's token (Authentication guide)."""

    @pytest.mark.parametrize(
        ("bearer", "reason"),
        [
            ("", "no Authorization"),
            ("no.token.atall", "not good"),
            (token(stranger()), "Signature verification failed"),
            (token(application_id="another"), "another application's"),
            (token(application_id=None), "application_id"),
            (token(jti=None), "jti"),
            (token(iat=None, exp=None), "neither iat nor exp"),
            (token(iat=NOW - 7200, exp=NOW - 3600), "expired"),
            (token(iat=NOW - 1000, exp=None), "older than 15 minutes"),
            (token(exp=NOW + 25 * 3600), "24 hours"),
            (token(iat=NOW + 3600, exp=None), "not yet valid"),
            (token(nbf=NOW + 3600), "not yet valid"),
        ],
    )
    async def test_refused(self, client: Client, bearer: str, reason: str) -> None:
        """A missing, foreign, incomplete or old token is 401, in the API's shape."""
        client.bearer = bearer
        status, answer = await client.ask("POST", "/v1/calls", GOOD)
        assert status == 401
        assert (answer["type"], answer["error_title"]) == ("UNAUTHORIZED", "Unauthorized")
        assert reason in answer["detail"]

    async def test_another_algorithm(self, client: Client) -> None:
        """A token that was signed with the public key as a secret is refused."""

        def part(data: bytes) -> bytes:
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        head = part(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
        claims = {"application_id": APPLICATION, "iat": NOW, "jti": "1"}
        signed = head + b"." + part(json.dumps(claims).encode())
        mac = hmac.new(PUBLIC.encode(), signed, hashlib.sha256).digest()
        client.bearer = (signed + b"." + part(mac)).decode()
        assert (await client.ask("GET", "/v1/calls"))[0] == 401

    @pytest.mark.parametrize("changes", [{}, {"exp": None}, {"exp": NOW + 23 * 3600}, {"acl": {}}])
    async def test_taken(self, client: Client, changes: dict[str, Any]) -> None:
        """A good token is taken, with or without an end."""
        client.bearer = token(**changes)
        assert (await client.ask("GET", "/v1/calls"))[0] == 200


class TestRefusals:
    """What the API refused is told, at a bounded rate."""

    async def test_told(self) -> None:
        """Method, path, status and reason of wrong JSON, a wrong path, method, field and token."""
        told: list[Problem] = []
        async with (
            Network(registration(), on_problem=told.append) as network,
            aiohttp.ClientSession() as session,
        ):
            client = Client(network.url, session)
            await client.ask("GET", "/v1/nothing")
            await client.ask("PATCH", "/v1/calls")
            await client.ask("POST", "/v1/calls", GOOD | {"to": []})
            async with session.post(f"{network.url}/v1/calls", data="{") as reply:
                assert reply.status == 401
        assert [(problem.step, problem.seen) for problem in told] == [
            ("api", "GET /v1/nothing → 404: Not Found"),
            ("api", "PATCH /v1/calls → 405: Method Not Allowed"),
            ("api", "POST /v1/calls → 400: the request breaks a rule"),
            (
                "api",
                "POST /v1/calls → 401: no Authorization: Bearer header with the application's "
                "token",
            ),
        ]
        assert told[2].advice.startswith("to: ")
        assert {problem.severity for problem in told} == {"warning"}

    async def test_bounded(self, clock: list[float]) -> None:
        """A flood has a few lines, and the next one says how many were left out."""
        told: list[Problem] = []
        async with (
            Network(registration(), on_problem=told.append) as network,
            aiohttp.ClientSession() as session,
        ):
            client = Client(network.url, session)
            client.bearer = ""
            for second in (0.0, 1.0):
                clock[0] = second
                for _ in range(20):
                    await client.ask("GET", "/v1/calls")
        assert len(told) == 10
        assert ["(and 15 refusals before)" in problem.seen for problem in told] == [
            number == 5 for number in range(10)
        ]


class TestLimits:
    """3 new calls and 15 other requests in any rolling second."""

    def test_rolling(self) -> None:
        """Whatever second one looks at, there are never more than allowed in it."""
        now = 0.0
        limit = RollingLimit(3, lambda: now)
        taken = []
        for tick in range(1000):
            now = tick * 0.01
            if limit.take():
                taken.append(now)
        for at in taken:
            assert sum(at <= other < at + 1.0 for other in taken) <= 3
        assert len(taken) >= 27

    @pytest.mark.usefixtures("clock")
    async def test_calls(self, client: Client) -> None:
        """The fourth call in a second is 429; so are most of a burst."""
        answers = [await client.ask("POST", "/v1/calls", GOOD) for _ in range(6)]
        assert [status for status, _ in answers] == [201, 201, 201, 429, 429, 429]
        assert answers[3][1]["error_title"] == "Too Many Requests"

    @pytest.mark.usefixtures("clock")
    async def test_requests(self, client: Client) -> None:
        """The sixteenth other request in a second is 429."""
        statuses = [(await client.ask("GET", "/v1/calls"))[0] for _ in range(18)]
        assert statuses == [200] * 15 + [429] * 3

    @pytest.mark.usefixtures("clock")
    @pytest.mark.parametrize("connects", ["counted", "free"])
    async def test_connects(self, connects: str) -> None:
        """A connect counts as a new call, or not, as it is assumed."""
        assume = Assumptions(connects=connects)
        callees = {ANNE: Callee(answer_after=0)}
        other = {"type": "phone", "number": ANNE}
        ncco = [{"action": "connect", "endpoint": [other]}]
        async with (
            Network(registration(), callees=callees, talk="at-once", assume=assume) as network,
            aiohttp.ClientSession() as session,
        ):
            client = Client(network.url, session)
            await client.create(PHONE, ncco=ncco)
            await soon(lambda: len(network.switch.legs) == 2)
            statuses = [(await client.ask("POST", "/v1/calls", GOOD))[0] for _ in range(3)]
        assert statuses == ([201, 429, 429] if connects == "counted" else [201, 201, 429])


class TestRequests:
    """What may be asked for."""

    @pytest.mark.parametrize(
        ("changes", "name", "reason"),
        [
            ({"to": []}, "to", "at least 1 item"),
            ({"to": [PHONE, PHONE]}, "to", "at most 1 item"),
            ({"to": [{"type": "sip", "uri": "sip:a@b.example"}]}, "to", "sip is not simulated"),
            ({"to": [{"type": "vbc", "extension": "1"}]}, "to", "vbc is not simulated"),
            ({"to": [{"type": "phone", "number": "+44"}]}, "phone.number", ""),
            ({"to": [{"type": "websocket", "uri": "http://a"}]}, "uri", "ws://"),
            ({"answer_url": ["http://localhost/a"]}, "body", "one of them, and not both"),
            ({"ncco": None}, "body", "one of them, and not both"),
            ({"ncco": None, "answer_url": ["ftp://localhost"]}, "answer_url", "http://"),
            ({"ncco": [{"action": "fly"}]}, "ncco[0].action", "must be one of"),
            ({"from": None}, "body", "random_from_number"),
            ({"from": {"type": "phone", "number": "447700900999"}}, "from", ""),
            ({"ringing_timer": 121}, "ringing_timer", "120"),
            ({"length_timer": 86401}, "length_timer", "86400"),
        ],
    )
    async def test_bad_call(
        self, client: Client, changes: dict[str, Any], name: str, reason: str
    ) -> None:
        """A call that breaks a rule is 400, and the answer names the field."""
        body = {key: value for key, value in (GOOD | changes).items() if value is not None}
        status, answer = await client.ask("POST", "/v1/calls", body)
        assert (status, answer["type"]) == (400, "VALIDATION")
        wrong = answer["invalid_parameters"][0]
        assert name.split(".")[-1] in wrong["name"]
        assert reason in wrong["reason"]
        assert not wrong["reason"].startswith("["), "the field is named once"

    async def test_not_json(self, client: Client) -> None:
        """A body that is no JSON is 400."""
        headers = {"Authorization": f"Bearer {token()}"}
        async with client.session.post(
            f"{client.url}/v1/calls", data=b"{", headers=headers
        ) as reply:
            assert reply.status == 400
            assert "not JSON" in (await reply.json())["detail"]

    async def test_too_large(self, client: Client) -> None:
        """A huge body is refused before it is read whole."""
        body = GOOD | {"padding": "x" * 300_000}
        assert (await client.ask("POST", "/v1/calls", body))[0] == 413

    @pytest.mark.parametrize(
        ("method", "path", "body", "status"),
        [
            ("GET", "/v1/calls/none", None, 404),
            ("PUT", "/v1/calls/none", {"action": "hangup"}, 404),
            ("PUT", "/v1/calls/none/talk", {"text": "a"}, 404),
            ("PUT", "/v1/calls/none/dtmf", {"digits": "1"}, 404),
            ("DELETE", "/v1/calls/none/stream", None, 404),
            ("GET", "/v1/nothing", None, 404),
            ("GET", "/v1/files/none", None, 404),
            ("DELETE", "/v1/calls", None, 405),
        ],
    )
    async def test_not_there(
        self, client: Client, method: str, path: str, body: object, status: int
    ) -> None:
        """What is not there is 404, in the API's shape."""
        found, answer = await client.ask(method, path, body)
        assert found == status
        assert answer["error_title"]

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("", {"action": "dance"}),
            ("", {"action": "transfer"}),
            ("", {"action": "transfer", "destination": {"type": "ncco"}}),
            ("", {"action": "hangup", "destination": {"type": "ncco", "ncco": WAIT}}),
            ("/talk", {}),
            ("/stream", {"stream_url": ["it.mp3"]}),
            ("/dtmf", {"digits": "12x"}),
        ],
    )
    async def test_bad_steering(self, client: Client, path: str, body: object) -> None:
        """What a call cannot do is 400."""
        call = await client.create(PHONE, ncco=WAIT)
        assert (await client.ask("PUT", f"/v1/calls/{call}{path}", body))[0] == 400

    async def test_not_answered_yet(self, network: Network, client: Client) -> None:
        """Nothing is said into a call that rings."""
        network.subscribe(ANNE, Callee("no-answer"))
        call = await client.create(PHONE, ncco=WAIT)
        status, answer = await client.ask("PUT", f"/v1/calls/{call}/talk", {"text": "Hello."})
        assert (status, answer["type"]) == (409, "CONFLICT")

    async def test_internet(self, network: Network, client: Client) -> None:
        """The network calls no host on the internet unless it may."""
        call = await client.create(PHONE, answer_url=["https://www.example.com/answer"])
        await soon(lambda: network.switch.legs[call].has_ended)
        socket = {"type": "websocket", "uri": "wss://www.example.com/socket"}
        call = await client.create(socket, ncco=WAIT)
        await soon(lambda: network.switch.legs[call].has_ended)
        assert await client.status(call) == "failed"


class TestList:
    """GET /v1/calls."""

    async def test_pages(self, network: Network, client: Client) -> None:
        """Calls come in pages, oldest or newest first, with links to the others."""
        calls = [await client.create(PHONE, ncco=WAIT) for _ in range(3)]
        status, page = await client.ask("GET", "/v1/calls?page_size=2")
        assert status == 200
        assert (page["count"], page["page_size"], page["record_index"]) == (3, 2, 0)
        assert [call["uuid"] for call in page["_embedded"]["calls"]] == calls[:2]
        assert set(page["_links"]) == {"self", "first", "last", "next"}
        _, page = await client.ask("GET", page["_links"]["next"]["href"].removeprefix(client.url))
        assert [call["uuid"] for call in page["_embedded"]["calls"]] == calls[2:]
        assert set(page["_links"]) == {"self", "first", "last", "prev"}
        _, page = await client.ask("GET", "/v1/calls?order=desc")
        assert [call["uuid"] for call in page["_embedded"]["calls"]] == calls[::-1]

    async def test_filters(self, network: Network, client: Client) -> None:
        """Calls are filtered by status, conversation, and time."""
        first, second = [await client.create(PHONE, ncco=WAIT) for _ in range(2)]
        await soon(lambda: network.switch.legs[second].status == "answered")
        await client.ask("PUT", f"/v1/calls/{first}", {"action": "hangup"})
        await soon(lambda: network.switch.legs[first].has_ended)

        async def found(query: str) -> list[str]:
            _, page = await client.ask("GET", f"/v1/calls?{query}")
            return [call["uuid"] for call in page["_embedded"]["calls"]]

        conversation = network.switch.legs[second].events.conversation_uuid
        assert await found("status=completed") == [first]
        assert await found("status=answered") == [second]
        assert await found(f"conversation_uuid={conversation}") == [second]
        assert await found("date_end=2020-01-01T00:00:00Z") == []
        assert await found("date_start=2020-01-01") == [first, second]

    @pytest.mark.parametrize("query", ["page_size=101", "page_size=0", "order=up", "date_end=soon"])
    async def test_bad_query(self, client: Client, query: str) -> None:
        """A filter that breaks a rule is 400."""
        assert (await client.ask("GET", f"/v1/calls?{query}"))[0] == 400


class TestApplications:
    """The Application API."""

    @staticmethod
    def basic(secret: str = API_SECRET) -> dict[str, str]:
        """Return the header of an account."""
        pair = base64.b64encode(f"abcd1234:{secret}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    async def test_get_and_replace(self, network: Network, client: Client) -> None:
        """What is read may be written back changed; what is left out is lost."""
        url = f"{client.url}/v2/applications/{APPLICATION}"
        async with client.session.get(url, headers=self.basic()) as reply:
            assert reply.status == 200
            document = await reply.json()
        assert document["keys"]["public_key"] == PUBLIC
        async with FakeApplication(ncco=[]) as application:
            hooks = {"answer_url": {"address": application.answer_url, "http_method": "POST"}}
            document["capabilities"]["voice"]["webhooks"] = hooks
            async with client.session.put(url, json=document, headers=self.basic()) as reply:
                assert reply.status == 200
            network.dial(OWN, caller=ANNE)
            await soon(lambda: application.answered)
            assert application.requests[0].method == "POST"
        async with client.session.put(url, json={"name": "x"}, headers=self.basic()) as reply:
            replaced = await reply.json()
        assert replaced["capabilities"] == {}
        assert replaced["keys"]["public_key"] is None
        assert (await client.ask("GET", "/v1/calls"))[0] == 401

    async def test_what_the_phone_does_not_know_is_kept(self, client: Client) -> None:
        """PUT keeps other capabilities, timeouts, a region and the like, and GET shows them."""
        url = f"{client.url}/v2/applications/{APPLICATION}"
        hook = {"address": "http://localhost:1/answer", "connection_timeout": 500}
        document = {
            "name": "x",
            "keys": {"public_key": PUBLIC},
            "capabilities": {
                "voice": {"webhooks": {"answer_url": hook}, "region": "eu-west"},
                "messages": {"webhooks": {"inbound_url": {"address": "https://example.com"}}},
            },
            "security": {"auth": "x"},
        }
        sent = document | {"id": "another", "_links": {}}
        async with client.session.put(url, json=sent, headers=self.basic()) as reply:
            replaced = await reply.json()
        async with client.session.get(url, headers=self.basic()) as reply:
            assert await reply.json() == replaced
        links = {"self": {"href": f"/v2/applications/{APPLICATION}"}}
        assert replaced == document | {"id": APPLICATION, "_links": links}

    @pytest.mark.parametrize("header", [{}, {"Authorization": "Basic !"}, basic("wrong")])
    async def test_refused(self, client: Client, header: dict[str, str]) -> None:
        """A wrong secret is 401, and so is a token: this API takes Basic."""
        url = f"{client.url}/v2/applications/{APPLICATION}"
        async with client.session.get(url, headers=header) as reply:
            assert reply.status == 401
        assert (await client.ask("GET", f"/v2/applications/{APPLICATION}"))[0] == 401

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {},
            {"name": 1},
            {"name": "x", "keys": {"public_key": "none"}},
            {
                "name": "x",
                "capabilities": {"voice": {"webhooks": {"event_url": {"address": "no url"}}}},
            },
        ],
    )
    async def test_bad(self, client: Client, body: object) -> None:
        """An application that breaks a rule is 400, and the one before stays."""
        url = f"{client.url}/v2/applications/{APPLICATION}"
        async with client.session.put(url, json=body, headers=self.basic()) as reply:
            assert reply.status == 400
        assert (await client.ask("GET", "/v1/calls"))[0] == 200

    async def test_another(self, client: Client) -> None:
        """There is one application."""
        async with client.session.get(
            f"{client.url}/v2/applications/other", headers=self.basic()
        ) as reply:
            assert reply.status == 404
