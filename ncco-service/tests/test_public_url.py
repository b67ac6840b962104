"""Where the socket and the webhooks are: setting, else agent, else a local request's own origin."""

import pytest
from ncco_service.discovery.agent_poller import Tunnel
from ncco_service.discovery.public_url import Address, NotKnown, PublicUrl
from ncco_service.discovery.request_origin import RequestOrigin
from ncco_service.settings import Settings

LOCAL = RequestOrigin("http", "localhost:8080")
FAR = RequestOrigin("https", "voice.example.org")
FOUND = Tunnel("https://sock.example:8443", "https://hook.example", 1.0, None)
NOTHING = Tunnel(None, None, None, "the agent has no tunnel open")


def test_a_setting_comes_first() -> None:
    """SOCKET_URL and PUBLIC_URL override the agent and the request."""
    settings = Settings.from_env({"SOCKET_URL": "wss://s/x", "PUBLIC_URL": "https://p"})
    urls = PublicUrl(settings, lambda: FOUND)
    assert urls.socket(LOCAL) == Address("wss://s/x", "setting")
    assert urls.events(LOCAL) == Address("https://p/webhooks/events", "setting")


def test_the_agent_comes_second() -> None:
    """https becomes wss, the port stays."""
    urls = PublicUrl(Settings.from_env({}), lambda: FOUND)
    assert urls.socket(LOCAL) == Address("wss://sock.example:8443/socket", "agent")
    assert urls.events(LOCAL) == Address("https://hook.example/webhooks/events", "agent")


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        (LOCAL, "ws://localhost:8080/socket"),
        (RequestOrigin("https", "localhost"), "wss://localhost/socket"),
        (RequestOrigin("http", "127.0.0.7:1"), "ws://127.0.0.7:1/socket"),
        (RequestOrigin("http", "[::1]:8080"), "ws://[::1]:8080/socket"),
        (RequestOrigin("http", "gateway:8080"), "ws://gateway:8080/socket"),
        (RequestOrigin("http", "My-Box"), "ws://My-Box/socket"),
    ],
)
def test_a_local_origin_comes_third(origin: RequestOrigin, url: str) -> None:
    """The same host with the socket's path, plain or encrypted as the request came."""
    settings = Settings.from_env({"LOCAL_HOSTS": "gateway,my-box"})
    for tunnel in (None, lambda: NOTHING):
        assert PublicUrl(settings, tunnel).socket(origin) == Address(url, "request")


@pytest.mark.parametrize(
    "host", ["voice.example.org", "localhost.evil.example", "10.0.0.1", "", "1.2.3.4:80", "[::2]"]
)
def test_requests_from_outside_need_a_source(host: str) -> None:
    """The reason and the hint name the settings that help."""
    with pytest.raises(NotKnown) as caught:
        PublicUrl(Settings.from_env({}), None).socket(RequestOrigin("https", host))
    assert "is not a name of this machine" in str(caught.value)
    assert "SOCKET_URL" in caught.value.hint
    assert "NGROK_API_URL" in caught.value.hint


def test_the_agents_error_is_the_reason() -> None:
    """The error has the agent's own error."""
    with pytest.raises(NotKnown, match="the agent has no tunnel open"):
        PublicUrl(Settings.from_env({}), lambda: NOTHING).socket(FAR)


def test_events_go_to_the_requests_origin() -> None:
    """Without a setting or a tunnel the events' URL is the origin of the request."""
    urls = PublicUrl(Settings.from_env({}), None)
    assert urls.events(FAR) == Address("https://voice.example.org/webhooks/events", "request")
    with pytest.raises(NotKnown, match="no usable Host header"):
        urls.events(RequestOrigin("http", ""))
