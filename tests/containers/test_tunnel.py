"""The tunnel: from the agent's list to a call through TLS, also with a broken agent."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.containers.edge import FIRST, SECOND, Caller, Endpoint, TunnelStack
from tests.waiting import until
from tools.stack import StackError

GATEWAY = "http://gateway:8080"
PUBLIC = (
    "the number of your Vonage application, with "
    "answer_url=https://webhooks.example.com/webhooks/answer "
    "event_url=https://webhooks.example.com/webhooks/events;"
)
WITHIN = 15.0
"""Bound on noticing a change, in seconds: ncco-service polls every second here."""
ASKING = 2.0
"""Seconds that an answer would take if it waited for a silent agent (READ_SECONDS of fetch.py)."""
SLOW_SHARE = 0.05
"""Share of answers that may be as slow as that, since the machine may delay anything."""
KEPT, ANSWERS = 4.0, 20
"""For how many seconds, and how many answers, the agent is broken at least."""


@pytest.fixture(scope="module")
def tunnel() -> Iterator[TunnelStack]:
    """Yield the stack behind a tunnel."""
    with tempfile.TemporaryDirectory(prefix="edge-") as folder, TunnelStack(Path(folder)) as stack:
        yield stack


@pytest.fixture
def caller(tunnel: TunnelStack) -> Iterator[Caller]:
    """Yield a caller that requests answers all the time; no answer may wait for the agent."""
    tunnel.switch()
    with Caller(tunnel) as asking:
        asking.until(lambda answer: answer.socket == socket(FIRST), "the tunnel's URL", 60)
        yield asking
    took = sorted(answer.seconds for answer in asking.answers)
    in_words = " ".join(f"{seconds * 1000:.0f}" for seconds in took) + " ms"
    assert statistics.median(took) < ASKING / 2, in_words
    assert sum(seconds >= ASKING for seconds in took) <= SLOW_SHARE * len(took), in_words


def socket(host: str) -> str:
    """Return the socket's URL behind a public name."""
    return f"wss://{host}/socket"


def test_up_means_that_a_call_through_the_tunnel_works(tunnel: TunnelStack) -> None:
    """A call by the public name goes agent, NCCO, verified TLS, gateway, echo, and back."""
    report = tunnel.phone(f"https://{FIRST}/webhooks/answer", "--audio", "tone", "--seconds", "1")
    assert report["ok"], report["problems"]
    (leg,) = report["sockets"]
    assert leg["uri"] == socket(FIRST)
    assert leg["echo"]["lost"] == 0
    assert {event["url"] for event in report["events"]} == {f"https://{FIRST}/webhooks/events"}


def test_the_certificate_is_verified(tunnel: TunnelStack) -> None:
    """The same call fails for someone who does not know the authority."""
    done = tunnel.run(
        "run", "--rm", "--no-deps", "--env", "SSL_CERT_FILE=/dev/null",
        "phone", "call", f"https://{FIRST}/webhooks/answer",
    )  # fmt: skip
    assert done.returncode == 1
    assert "The call did not work: answer" in done.stdout


def test_the_log_says_what_to_paste(tunnel: TunnelStack) -> None:
    """The log has the answer URL and the event URL together, once."""
    lines = tunnel.logs("ncco-service").splitlines()
    block = [line for line in lines if " dashboard " in line]
    start = lines.index(block[0])
    assert lines[start : start + len(block)] == block, "one block"
    assert f"answer_url=https://{FIRST}/webhooks/answer" in block[1]
    assert f"event_url=https://{FIRST}/webhooks/events" in block[2]


def test_the_agent_cannot_be_reached_from_the_echo_service(tunnel: TunnelStack) -> None:
    """They share no network: neither its name nor its address leads anywhere."""
    (network,) = tunnel.inspect("ngrok")["NetworkSettings"]["Networks"].values()
    script = (
        "import socket, sys\n"
        "for host in sys.argv[1:]:\n"
        "    try: socket.create_connection((host, 4040), 2).close(); print('reached', host)\n"
        "    except OSError as error: print('not', host)\n"
    )
    ask = ("python", "-c", script, "ngrok", network["IPAddress"])
    from_echo = tunnel.compose("exec", "-T", "echo-service", *ask)
    from_ncco = tunnel.compose("exec", "-T", "ncco-service", *ask)
    assert from_echo.count("not ") == 2
    assert from_ncco.count("reached") == 2


def test_the_public_side_sees_only_what_it_needs(tunnel: TunnelStack) -> None:
    """Health and everything else private is 404 by the public name."""
    script = (
        "import sys, urllib.error, urllib.request as r\n"
        "for path in sys.argv[1:]:\n"
        f"    try: print(path, r.urlopen('https://{FIRST}' + path, timeout=5).status)\n"
        "    except urllib.error.HTTPError as e: print(path, e.code)\n"
    )
    paths = ("/", "/healthz", "/readyz", "/metrics", "/socket/x", "/api/tunnels", "/ncco")
    said = tunnel.compose("exec", "-T", "ncco-service", "python", "-c", script, *paths)
    assert said.split("\n")[:-1] == [f"{path} 404" for path in paths[:-1]] + ["/ncco 200"]


@pytest.mark.parametrize(
    ("endpoints", "tunnels"),
    [("404", "ok"), ("empty", "ok"), ("ok", "404"), ("ok", "empty"), ("garbage", "ok")],
)
def test_either_list_will_do(
    tunnel: TunnelStack, caller: Caller, endpoints: str, tunnels: str
) -> None:
    """An agent that has only one of the two lists is understood."""
    tunnel.switch([("public", f"https://{SECOND}", GATEWAY)], endpoints=endpoints, tunnels=tunnels)
    caller.until(lambda answer: answer.socket == socket(SECOND), "the new URL", WITHIN)


@pytest.mark.parametrize(
    ("listed", "moods", "says"),
    [
        ([], {"endpoints": "empty", "tunnels": "empty"}, "no tunnel open"),
        (
            [
                ("ncco", f"https://{FIRST}", "http://ncco-service:8000"),
                ("echo", f"https://{FIRST}", "http://echo-service:8001"),
            ],
            {},
            "one host name",
        ),
        ([("echo", "https://echo.internal", "http://echo-service:8001")], {}, "only inside ngrok"),
        ([("other", f"https://{FIRST}", "http://elsewhere:80")], {}, "none leads to"),
        ([("public", f"http://{FIRST}", GATEWAY)], {}, "not https"),
    ],
    ids=["nothing", "one-url-for-two", "internal", "somewhere-else", "http"],
)
def test_a_list_without_a_way_in_is_told(
    tunnel: TunnelStack,
    caller: Caller,
    listed: list[Endpoint],
    moods: dict[str, str],
    says: str,
) -> None:
    """The answer is 503, which the platform retries, with the reason; then it recovers."""
    tunnel.switch(listed, **moods)
    caller.until(lambda answer: answer.status == 503, "503", WITHIN)
    refused = [answer for answer in caller.answers if answer.status == 503][-1]
    assert refused.body["error"] == "not_ready"
    assert says in refused.body["message"]
    tunnel.switch()
    caller.until(lambda answer: answer.socket == socket(FIRST), "the URL again", WITHIN)


def test_a_new_url_is_followed(tunnel: TunnelStack, caller: Caller) -> None:
    """A new public address is used at once."""
    tunnel.switch([("public", f"https://{SECOND}", GATEWAY)])
    caller.until(lambda answer: answer.socket == socket(SECOND), "the new URL", WITHIN)
    report = tunnel.phone(f"https://{SECOND}/webhooks/answer", "--audio", "tone", "--seconds", "1")
    assert report["ok"], report["problems"]
    assert report["sockets"][0]["uri"] == socket(SECOND)


@pytest.mark.parametrize("mood", ["silent", "slow", "404", "garbage"])
def test_an_unwell_agent_changes_nothing(tunnel: TunnelStack, caller: Caller, mood: str) -> None:
    """The last known address is kept, and its age is reported."""
    tunnel.switch(endpoints=mood, tunnels=mood)
    answers = caller.during(KEPT, ANSWERS)
    assert {answer.socket for answer in answers} == {socket(FIRST)}
    agent = readiness(tunnel)["agent"]
    assert agent["age_seconds"] > KEPT / 2
    assert agent["error"]


def test_an_agent_that_is_gone_changes_nothing(tunnel: TunnelStack, caller: Caller) -> None:
    """The same while its container is down; afterwards everything works again."""
    tunnel.kill("ngrok")
    answers = caller.during(KEPT, ANSWERS)
    age = readiness(tunnel)["agent"]["age_seconds"]
    tunnel.start("ngrok")
    assert {answer.socket for answer in answers} == {socket(FIRST)}
    assert age > KEPT / 2
    until(lambda: not readiness(tunnel)["agent"]["error"], "the agent to be understood again")


def test_readiness_takes_in_the_public_way(tunnel: TunnelStack) -> None:
    """With the path from outside broken, a call would not work, and health says so."""
    tunnel.switch()
    tunnel.wait_ready()
    probe = readiness(tunnel)["probe"]
    assert probe["url"] == socket(FIRST)
    assert probe["error"] is None
    assert probe["age_seconds"] < 30  # after which it is tried again
    tunnel.stop("edge")
    try:
        until(lambda: readiness(tunnel)["status"] == "not ready", "the probe to fail")
        assert any(socket(FIRST) in reason for reason in readiness(tunnel)["reasons"])
        with pytest.raises(StackError):
            tunnel.wait_ready(timeout=1)
    finally:
        tunnel.start("edge")
    tunnel.wait_ready()


def readiness(tunnel: TunnelStack) -> dict[str, Any]:
    """Return what ncco-service says of its readiness."""
    script = (
        "import urllib.request as r, urllib.error\n"
        "try: print(r.urlopen('http://127.0.0.1:8000/readyz').read().decode())\n"
        "except urllib.error.HTTPError as error: print(error.read().decode())\n"
    )
    said = tunnel.compose("exec", "-T", "ncco-service", "python", "-c", script)
    return dict(json.loads(said))


def test_two_domains_are_told_apart_until_the_token_is_removed(tmp_path: Path) -> None:
    """With ngrok/two-domains.yml, webhooks and socket have a name each, and a call uses both.

    Without the token the next `up` closes the tunnel; calls from this machine work.
    """
    with TunnelStack(tmp_path, "two-domains.yml") as stack:
        url = "https://webhooks.example.com/webhooks/answer"
        report = stack.phone(url, "--audio", "tone", "--seconds", "1")
        assert report["ok"], report["problems"]
        assert report["sockets"][0]["uri"] == socket("socket.example.com")
        posted = {event["url"] for event in report["events"]}
        assert posted == {"https://webhooks.example.com/webhooks/events"}
        assert f"ready: now call {PUBLIC}" in stack.logs("ready")
        stack.configure(NGROK_AUTHTOKEN="")
        stack.up()
        with pytest.raises(StackError, match="no container"):
            stack.container("ngrok")
        assert "ready: now call http://localhost" in stack.logs("ready")
