"""Where the gateway is."""

from __future__ import annotations

import pytest

from bench.gateway import Hop, hop_from


def test_a_gateway_is_an_address_and_a_port() -> None:
    """Names are looked up, since the load generator takes addresses."""
    assert hop_from("http://127.0.0.1:8080") == Hop("127.0.0.1", 8080)
    assert hop_from("ws://localhost") == Hop("127.0.0.1", 80)


@pytest.mark.parametrize("url", ["https://127.0.0.1", "127.0.0.1:8080", "http://"])
def test_what_cannot_be_called_is_refused(url: str) -> None:
    """The load generator speaks no TLS."""
    with pytest.raises(ValueError, match=r"give one like http://127.0.0.1:8080"):
        hop_from(url)
