"""The worker: slow and silent peers do not stop other people's webhooks."""

import contextlib
import selectors
import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

HEAD = b"POST /webhooks/answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def connections(stack: contextlib.ExitStack, url: str, count: int) -> list[socket.socket]:
    """Open some connections."""
    parts = urlsplit(url)
    address = (parts.hostname, parts.port)
    return [
        stack.enter_context(socket.create_connection(address, timeout=20)) for _ in range(count)
    ]


def test_silent_peers_stop_nobody(start: Callable[..., Any], ask: Callable[..., Any]) -> None:
    """A hundred connections without a byte, two threads: a webhook is answered at once."""
    url = start(THREADS="2", REQUEST_SECONDS="60").listening()
    with contextlib.ExitStack() as stack:
        connections(stack, url, 100)
        began = time.monotonic()
        assert ask(f"{url}/webhooks/answer?uuid=u1")[0] == 200
        assert time.monotonic() - began < 10, "not only once the silent ones are cut off"


def test_silent_peers_are_closed(start: Callable[..., Any]) -> None:
    """After REQUEST_SECONDS."""
    url = start(REQUEST_SECONDS="1").listening()
    with contextlib.ExitStack() as stack:
        (peer,) = connections(stack, url, 1)
        assert peer.recv(1) == b""


def test_dribbling_peers_are_cut(start: Callable[..., Any], ask: Callable[..., Any]) -> None:
    """As many as there are threads, in the head and in the body; then others are served."""
    url = start(THREADS="4", REQUEST_SECONDS="1").listening()
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        peers = connections(stack, url, 4)
        for n, peer in enumerate(peers):
            peer.sendall(HEAD if n % 2 else HEAD + b"Content-Length: 60000\r\n\r\n")
            selector.register(peer, selectors.EVENT_READ)
        deadline = time.monotonic() + 15
        open_peers = set(peers)
        while open_peers and time.monotonic() < deadline:
            for peer in list(open_peers):
                with contextlib.suppress(OSError):
                    peer.sendall(b"x")
            for key, _ in selector.select(0.1):
                selector.unregister(key.fileobj)
                open_peers.discard(next(p for p in peers if p.fileno() == key.fd))
        assert not open_peers
        assert ask(f"{url}/webhooks/answer?uuid=u1")[0] == 200
