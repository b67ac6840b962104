"""Choice of the tunnel's public URL, from the agent's lists of endpoints. No I/O here.

Source: ngrok's agent API. `/api/endpoints` (agent 3.30 and newer) names them `url` and
`upstream.url`; the older `/api/tunnels` `public_url` and `config.addr`. The order of either
list means nothing: the agent shuffles it. An empty list means "not connected yet".
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

__all__ = ["AgentError", "Choice", "Endpoint", "choose", "endpoints_in"]


class AgentError(Exception):
    """The agent's answer is not a list of endpoints."""


@dataclass(frozen=True)
class Endpoint:
    """A tunnel: its public `url` (https://host), and its `upstream` (gateway:8080).

    A tunnel of another kind has the URL that the agent gives, such as tcp://host:port, or "" when
    it gives none; one that leads to files has them as its upstream (file:///srv).
    """

    url: str
    upstream: str


@dataclass(frozen=True)
class Choice:
    """The chosen public URL, or None and the reason."""

    url: str | None
    problem: str | None = None


def endpoints_in(body: bytes) -> list[Endpoint]:
    """Read either of the agent's lists; malformed entries are left out.

    Raises:
        AgentError: it is not such a list.

    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise AgentError("sent something that is not JSON") from None
    entries = answer.get("endpoints", answer.get("tunnels")) if isinstance(answer, dict) else None
    if not isinstance(entries, list):
        raise AgentError('sent JSON without a list "endpoints" or "tunnels"')
    found = (_endpoint(entry) for entry in entries)
    return [endpoint for endpoint in found if endpoint]


def choose(endpoints: Sequence[Endpoint], upstreams: Sequence[str], setting: str) -> Choice:
    """Choose the public URL that leads to one of some upstreams.

    Args:
        endpoints: what the agent lists, in any order.
        upstreams: host:port each, the preferred first.
        setting: that names the upstreams, for the reason.

    Returns:
        The URL; or None with the reason. A URL that leads to several upstreams is refused, since
        each request would reach one of them at random (two endpoints on ngrok's free plan).

    """
    if not endpoints:
        return Choice(
            None, "the agent has no tunnel open (not connected yet, or a wrong token: see its log)"
        )
    leads_to: dict[str, set[str]] = defaultdict(set)
    for endpoint in endpoints:
        leads_to[endpoint.url].add(endpoint.upstream)
    problems = []
    for upstream in upstreams:
        urls = sorted(url for url, targets in leads_to.items() if upstream in targets)
        for url in urls:
            problem = _problem(url, leads_to[url])
            if problem is None:
                return Choice(url)
            problems.append(problem)
    if not problems:
        listed = ", ".join(sorted({endpoint.upstream for endpoint in endpoints}))
        wanted = " or ".join(upstreams)
        problems = [f"the agent's tunnels lead to {listed}; none leads to {wanted}"]
        useless = {url: _problem(url, targets) for url, targets in leads_to.items()}
        fitting = sorted(
            endpoint.upstream
            for endpoint in endpoints
            if useless[endpoint.url] is None and "://" not in endpoint.upstream
        )
        if not fitting:
            problems += filter(None, useless.values())
        else:
            problems[0] += f": if {fitting[0]} is right, set {setting}={fitting[0]}"
    return Choice(None, "; ".join(dict.fromkeys(problems)))


def _problem(url: str, upstreams: set[str]) -> str | None:
    if not url:
        targets = " and ".join(sorted(upstreams))
        return f"the agent's tunnel to {targets} has no public URL yet: look at the agent's log"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https"):
        return (
            f"the agent's tunnel {url} is for {parts.scheme}, and the platform needs https: give "
            "the agent an http tunnel"
        )
    if parts.scheme != "https":
        return f"{url} is not https, which the platform requires"
    if (parts.hostname or "").endswith(".internal"):
        return f"{url} is reachable only inside ngrok"
    if len(upstreams) > 1:
        targets = " and ".join(sorted(upstreams))
        return (
            f"{url} leads to {targets}, to either by chance: a free ngrok account has one host name"
            " for all its endpoints. Give the agent one endpoint only, for the gateway"
        )
    return None


def _endpoint(entry: Any) -> Endpoint | None:
    if not isinstance(entry, dict):
        return None
    said = entry.get("url", entry.get("public_url"))
    named = "url" in entry or "public_url" in entry
    url = "" if named and said in (None, "") else _base(said)
    upstream = _upstream(_inner(entry, "upstream", "url") or _inner(entry, "config", "addr"))
    return None if url is None or upstream is None else Endpoint(url, upstream)


def _inner(entry: dict[str, Any], name: str, field: str) -> Any:
    inner = entry.get(name)
    return inner.get(field) if isinstance(inner, dict) else None


def _base(text: object) -> str | None:
    if not isinstance(text, str) or not re.fullmatch(r"[\x21-\x7e]{1,2000}", text):
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.scheme not in ("http", "https", "tcp", "tls"):
        return None
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port not in (None, usual) else "")


def _upstream(address: object) -> str | None:
    """Write `http://gateway:8080`, `gateway:8080` or `8080` as host:port."""
    text = str(address) if isinstance(address, str | int) else ""
    if re.fullmatch(r"[0-9]{1,5}", text):
        return f"localhost:{int(text)}"
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host = parts.hostname
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme == "file":
        return parts.geturl()
    return f"{host}:{port}" if host and port else None
