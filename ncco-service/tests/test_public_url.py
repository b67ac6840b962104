"""Where the socket and the webhooks are: setting, else agent, else a local asker's own way."""

import pytest
from ncco_service.agent_watch import Tunnel
from ncco_service.asker import Asker
from ncco_service.public_url import Address, NotKnown, PublicUrl
from ncco_service.settings import Settings

LOCAL = Asker("http", "localhost:8080")
FAR = Asker("https", "voice.example.org")
FOUND = Tunnel("https://sock.example:8443", "https://hook.example", 1.0, None)
NOTHING = Tunnel(None, None, None, "the agent has no tunnel open")


def test_a_setting_comes_first() -> None:
    """SOCKET_URL and PUBLIC_URL override the agent and the asker."""
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
    ("asker", "url"),
    [
        (LOCAL, "ws://localhost:8080/socket"),
        (Asker("https", "localhost"), "wss://localhost/socket"),
        (Asker("http", "127.0.0.7:1"), "ws://127.0.0.7:1/socket"),
        (Asker("http", "[::1]:8080"), "ws://[::1]:8080/socket"),
        (Asker("http", "gateway:8080"), "ws://gateway:8080/socket"),
        (Asker("http", "My-Box"), "ws://My-Box/socket"),
    ],
)
def test_a_local_asker_comes_third(asker: Asker, url: str) -> None:
    """The same host with the socket's path, plain or encrypted as the asker came."""
    settings = Settings.from_env({"LOCAL_HOSTS": "gateway,my-box"})
    for tunnel in (None, lambda: NOTHING):
        assert PublicUrl(settings, tunnel).socket(asker) == Address(url, "asker")


@pytest.mark.parametrize(
    "host", ["voice.example.org", "localhost.evil.example", "10.0.0.1", "", "1.2.3.4:80", "[::2]"]
)
def test_nobody_knows_for_askers_from_outside(host: str) -> None:
    """The reason and the hint name the settings that help."""
    with pytest.raises(NotKnown) as caught:
        PublicUrl(Settings.from_env({}), None).socket(Asker("https", host))
    assert "is not a name of this machine" in str(caught.value)
    assert "SOCKET_URL" in caught.value.hint
    assert "NGROK_API_URL" in caught.value.hint


def test_the_agents_trouble_is_the_reason() -> None:
    """Whoever waits for the tunnel is told what the tunnel waits for."""
    with pytest.raises(NotKnown, match="the agent has no tunnel open"):
        PublicUrl(Settings.from_env({}), lambda: NOTHING).socket(FAR)


def test_events_go_back_the_askers_way() -> None:
    """Without a setting or a tunnel the events' URL is where the asker asked."""
    urls = PublicUrl(Settings.from_env({}), None)
    assert urls.events(FAR) == Address("https://voice.example.org/webhooks/events", "asker")
    with pytest.raises(NotKnown, match="no usable Host header"):
        urls.events(Asker("http", ""))
