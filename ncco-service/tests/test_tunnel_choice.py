"""The tunnel agent's lists: the right URL is chosen, by upstream and never by position."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.discovery.tunnel_choice import AgentError, Endpoint, choose, endpoints_in

SETTING = "SOCKET_UPSTREAMS"
WANTED = ("echo-service:8001", "gateway:8080")


def body(key: str, *entries: Any) -> bytes:
    """Write a list as the agent does."""
    return json.dumps({key: entries, "uri": f"/api/{key}"}).encode()


def newer(url: str, upstream: str) -> dict[str, Any]:
    """Make an entry of /api/endpoints."""
    return {
        "name": "public",
        "uri": "/api/endpoints/public",
        "url": url,
        "upstream": {"url": upstream, "protocol": "http1"},
        "inspect": True,
        "pooling_enabled": False,
    }


def older(url: str, upstream: str) -> dict[str, Any]:
    """Make an entry of /api/tunnels."""
    return {
        "name": "public",
        "ID": "0",
        "uri": "/api/tunnels/public",
        "public_url": url,
        "proto": "https",
        "config": {"addr": upstream, "inspect": True},
        "metrics": {"conns": {"count": 0}},
    }


@pytest.mark.parametrize(
    ("upstream", "written"),
    [
        ("http://gateway:8080", "gateway:8080"),
        ("Gateway:8080", "gateway:8080"),
        ("https://gateway", "gateway:443"),
        ("http://gateway/", "gateway:80"),
        ("8080", "localhost:8080"),
        (8080, "localhost:8080"),
    ],
)
def test_both_lists_and_all_spellings_are_read(upstream: Any, written: str) -> None:
    """The two shapes come down to URL and host:port."""
    expected = [Endpoint("https://a.example", written)]
    assert endpoints_in(body("endpoints", newer("https://A.example/", upstream))) == expected
    assert endpoints_in(body("tunnels", older("https://a.example:443", upstream))) == expected
    assert endpoints_in(body("tunnels", newer("https://a.example", upstream))) == expected


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "x",
        {},
        {"url": 5, "upstream": {"url": "http://a:1"}},
        {"url": "ftp://a.example", "upstream": {"url": "http://a:1"}},
        {"url": "https://[::1", "upstream": {"url": "http://a:1"}},
        {"url": "https://a b", "upstream": {"url": "http://a:1"}},
        {"url": "https://a", "upstream": "http://a:1"},
        {"url": "https://a", "upstream": {"url": "http://a:99999"}},
        {"url": "https://a", "upstream": {"url": ["http://a:1"]}},
        {"public_url": "https://a", "config": None},
    ],
)
def test_malformed_entries_are_left_out(entry: Any) -> None:
    """A malformed entry does not hide the others."""
    found = endpoints_in(body("tunnels", entry, older("https://b.example", "gateway:8080")))
    assert found == [Endpoint("https://b.example", "gateway:8080")]


@pytest.mark.parametrize("answer", [b"", b"<html>", b"\xff", b"[]", b"{}", b'{"tunnels": 3}'])
def test_an_invalid_answer_is_an_error(answer: bytes) -> None:
    """Only an object with a list is an answer."""
    with pytest.raises(AgentError, match="^sent "):
        endpoints_in(answer)


def test_a_deeply_nested_answer_is_an_error() -> None:
    """It neither crashes nor hangs."""
    with pytest.raises(AgentError, match="not JSON"):
        endpoints_in(b"[" * 100_000)


ECHO = Endpoint("https://echo.example", "echo-service:8001")
GATE = Endpoint("https://gate.example", "gateway:8080")
NCCO = Endpoint("https://ncco.example", "ncco-service:8000")


@pytest.mark.parametrize("order", [*itertools.permutations([ECHO, GATE, NCCO])])
def test_the_preferred_upstream_wins_in_any_order(order: tuple[Endpoint, ...]) -> None:
    """The position in the list means nothing."""
    assert choose(order, WANTED, SETTING).url == ECHO.url
    assert choose(order, ("ncco-service:8000", "gateway:8080"), SETTING).url == NCCO.url
    without = [endpoint for endpoint in order if endpoint != ECHO]
    assert choose(without, WANTED, SETTING).url == GATE.url


def test_an_empty_list_is_not_ready() -> None:
    """The agent has not connected yet."""
    choice = choose([], WANTED, SETTING)
    assert choice.url is None
    assert choice.problem == (
        "the agent has no tunnel open (not connected yet, or a wrong token: see its log)"
    )


def test_other_upstreams_are_named() -> None:
    """The reason says what is listed and what is wanted."""
    choice = choose([NCCO], WANTED, SETTING)
    assert choice.problem == (
        "the agent's tunnels lead to ncco-service:8000; none leads to "
        "echo-service:8001 or gateway:8080: if ncco-service:8000 is right, set "
        "SOCKET_UPSTREAMS=ncco-service:8000"
    )


@pytest.mark.parametrize(
    ("entry", "seen"),
    [
        (
            newer("tcp://1.tcp.example:12345", "gateway:8080"),
            "tcp://1.tcp.example:12345 is for tcp",
        ),
        (
            older("tcp://1.tcp.example:1", "localhost:22"),
            "lead to localhost:22; none leads to echo",
        ),
        (
            older("tcp://1.tcp.example:1", "localhost:8001"),
            "tunnel tcp://1.tcp.example:1 is for tcp, and the platform needs https",
        ),
        (older("https://a.example", "file:///srv"), "lead to file:///srv; none leads to echo-"),
        (
            older("x", "gateway:8080") | {"public_url": None},
            "to gateway:8080 has no public URL yet",
        ),
        (newer("", "gateway:8080"), "to gateway:8080 has no public URL yet"),
    ],
)
def test_a_tunnel_of_no_use_is_named(entry: dict[str, Any], seen: str) -> None:
    """An agent with a tunnel, but of another kind or without a URL, is not one without a tunnel."""
    choice = choose(endpoints_in(body("tunnels", entry)), WANTED, SETTING)
    assert choice.url is None
    assert choice.problem is not None
    assert seen in choice.problem
    assert "no tunnel open" not in choice.problem
    assert "set SOCKET_UPSTREAMS" not in choice.problem


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_one_url_for_two_upstreams_is_refused(order: tuple[int, ...]) -> None:
    """It would reach the wrong service half of the time."""
    shared = [
        Endpoint("https://one.example", "echo-service:8001"),
        Endpoint("https://one.example", "ncco-service:8000"),
    ]
    choice = choose([shared[n] for n in order], WANTED, SETTING)
    assert choice.url is None
    assert choice.problem is not None
    assert choice.problem.startswith(
        "https://one.example leads to echo-service:8001 and ncco-service:8000, to either by chance"
    )
    assert "one endpoint only, for the gateway" in choice.problem
    assert choose([*shared, GATE], WANTED, SETTING).url == GATE.url


def test_one_url_twice_for_one_upstream_is_fine() -> None:
    """Two agents, or one in both lists, may name the same endpoint."""
    assert choose([GATE, GATE], WANTED, SETTING).url == GATE.url


def test_internal_and_plain_urls_are_refused() -> None:
    """The platform can reach no internal URL, and accepts no plain one."""
    internal = Endpoint("https://echo.internal", "echo-service:8001")
    plain = Endpoint("http://gate.example", "gateway:8080")
    choice = choose([internal, plain], WANTED, SETTING)
    assert choice.url is None
    assert choice.problem == (
        "https://echo.internal is reachable only inside ngrok; "
        "http://gate.example is not https, which the platform requires"
    )
    assert choose([internal, plain, GATE], WANTED, SETTING).url == GATE.url


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "public_url", "upstream", "config", "addr", "x"]),
            inner,
            max_size=3,
        )
    ),
)


@given(st.lists(json_values, max_size=5))
def test_no_list_crashes(entries: list[Any]) -> None:
    """Any JSON in the list is read or left out."""
    choose(endpoints_in(json.dumps({"endpoints": entries}).encode()), WANTED, SETTING)
