"""Request origin: X-Forwarded-* counts only from trusted proxies."""

import socket
from typing import Any

import pytest
from ncco_service.discovery.request_origin import RequestOrigin, TrustedProxies
from ncco_service.settings import Settings

FORWARDED = {
    "wsgi.url_scheme": "http",
    "HTTP_HOST": "ncco-service:8000",
    "HTTP_X_FORWARDED_PROTO": "http, https",
    "HTTP_X_FORWARDED_HOST": "forged.example, voice.example.org",
}


def test_forwarded_headers_count_only_from_a_trusted_peer() -> None:
    """Of several values the last counts: it is the nearest proxy's."""
    assert RequestOrigin.of(FORWARDED, trusted=True) == RequestOrigin("https", "voice.example.org")
    assert RequestOrigin.of(FORWARDED, trusted=False) == RequestOrigin("http", "ncco-service:8000")


@pytest.mark.parametrize(
    "host", ["a b", 'x"', "x/y", "x@y", "x:port", "", "[::1", "x\n", "é", "a" * 300]
)
def test_a_host_that_cannot_stand_in_a_url_is_ignored(host: str) -> None:
    """Nothing from a header gets into a URL unless it is a host."""
    assert (
        RequestOrigin.of({"wsgi.url_scheme": "http", "HTTP_HOST": host}, trusted=False).host == ""
    )


def test_odd_schemes_are_plain_http() -> None:
    """Only https is https."""
    environ = {**FORWARDED, "HTTP_X_FORWARDED_PROTO": "javascript"}
    assert RequestOrigin.of(environ, trusted=True).scheme == "http"


def proxies(text: str) -> TrustedProxies:
    """Make the proxies of a setting."""
    return TrustedProxies(Settings.from_env({"TRUSTED_PROXIES": text}).trusted_proxies)


def test_nobody_is_trusted_by_default() -> None:
    """Without the setting no peer may say where a request came from."""
    assert "127.0.0.1" not in proxies("")


def test_addresses_and_networks_are_trusted() -> None:
    """In either notation of an address."""
    trusted = proxies("10.1.0.0/16,::1,192.0.2.7")
    for peer in ("10.1.2.3", "::ffff:10.1.2.3", "::1", "192.0.2.7"):
        assert peer in trusted
    for stranger in ("10.2.0.1", "192.0.2.8", "", None, "gateway"):
        assert stranger not in trusted


def test_names_are_resolved_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name matches no peer until resolved, follows its address, and is dropped when gone."""
    answers: dict[str, list[Any]] = {"gateway": [(2, 1, 6, "", ("172.18.0.3", 0))]}

    def resolve(name: str, *_: Any, **__: Any) -> list[Any]:
        if name not in answers:
            raise socket.gaierror("unknown")
        return answers[name]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    trusted = proxies("gateway,gone")
    assert "172.18.0.3" not in trusted
    assert trusted.poll() > 0
    assert "172.18.0.3" in trusted
    answers["gateway"] = [(2, 1, 6, "", ("172.18.0.9", 0))]
    trusted.poll()
    assert "172.18.0.3" not in trusted
    assert "172.18.0.9" in trusted
    answers.clear()
    trusted.poll()
    assert "172.18.0.9" not in trusted
