"""The server: slow and silent peers do not hold up other people's webhooks."""

import contextlib
import selectors
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

HEAD = b"POST /webhooks/answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LONGEST = b'{"uuid": "u1"}'.ljust(65_536)


def connections(stack: contextlib.ExitStack, url: str, count: int) -> list[socket.socket]:
    """Open some connections."""
    parts = urlsplit(url)
    address = (parts.hostname, parts.port)
    return [
        stack.enter_context(socket.create_connection(address, timeout=60)) for _ in range(count)
    ]


def test_silent_peers_hold_up_nobody(start: Callable[..., Any], ask: Callable[..., Any]) -> None:
    """Two hundred connections without a byte: a webhook is answered at once."""
    url = start(REQUEST_SECONDS="60").listening()
    with contextlib.ExitStack() as stack:
        connections(stack, url, 200)
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
    """WORKER_CONNECTIONS of them, in the head and in the body; then others are served."""
    url = start(WORKER_CONNECTIONS="4", REQUEST_SECONDS="1").listening()
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


def replies(peer: socket.socket, count: int = 1) -> bytes:
    """Receive until so many final answers have come, or the end."""
    got = b""
    while got.count(b"HTTP/1.1 ") - got.count(b" 100 Continue") < count or got[-1:] not in b"]}":
        piece = peer.recv(65_536)
        if not piece:
            break
        got += piece
    return got


STALLED = {
    "body": HEAD + b"Content-Length: 100\r\n\r\n{",
    "chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n{",
    "head": HEAD,
    "too long": HEAD + b"Content-Length: 70000\r\n\r\n{",
    "expecting": HEAD + b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n",
    "long head": HEAD + b"X: " + b"x" * 70_000,
    "wrong head": HEAD + b"Content-Length: x\r\n\r\n",
    "answered": b"GET /healthz HTTP/1.0\r\n\r\n",
}


@pytest.mark.parametrize("stalled", STALLED)
def test_stalled_peers_hold_up_nobody(
    start: Callable[..., Any], ask: Callable[..., Any], stalled: str
) -> None:
    """Two hundred that stall somewhere, or keep their end open: webhooks are answered at once."""
    url = start().listening()
    took = []
    with contextlib.ExitStack() as stack:
        for peer in connections(stack, url, 200):
            with contextlib.suppress(ConnectionError):
                peer.sendall(STALLED[stalled])
        for _ in range(5):
            began = time.monotonic()
            assert ask(f"{url}/webhooks/answer", "POST", b"")[0] == 200
            took.append(time.monotonic() - began)
    assert max(took) < 5, "the platform waits no longer"
    assert statistics.median(took) < 1


@pytest.mark.parametrize("pieces", [1, 60])
def test_the_longest_body_is_taken_however_it_comes(start: Callable[..., Any], pieces: int) -> None:
    """In a single write, or slowly."""
    url = start(REQUEST_SECONDS="20").listening()
    size = -(-len(LONGEST) // pieces)
    head, *rest = [LONGEST[at : at + size] for at in range(0, len(LONGEST), size)]
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        (peer,) = connections(stack, url, 1)
        selector.register(peer, selectors.EVENT_READ)
        peer.sendall(HEAD + b"Content-Length: 65536\r\n\r\n" + head)
        for piece in rest:
            assert not selector.select(0.02)
            peer.sendall(piece)
        assert replies(peer).startswith(b"HTTP/1.1 200 ")


def test_a_body_that_is_too_long_is_refused_before_it_came(start: Callable[..., Any]) -> None:
    """With 413, once its length or too much of it is known; what still arrives is discarded."""
    url = start(REQUEST_SECONDS="60").listening()
    for announced in (b"Content-Length: 200000", b"Transfer-Encoding: chunked"):
        with contextlib.ExitStack() as stack:
            (peer,) = connections(stack, url, 1)
            peer.sendall(HEAD + announced + b"\r\n\r\n")
            peer.sendall(b"30000\r\n" + bytes(100_000))
            assert replies(peer).startswith(b"HTTP/1.1 413 ")


def test_a_peer_that_expects_100_continue_gets_it(start: Callable[..., Any]) -> None:
    """Once, and then its answer."""
    url = start(REQUEST_SECONDS="60").listening()
    with contextlib.ExitStack() as stack:
        (peer,) = connections(stack, url, 1)
        peer.sendall(HEAD + b"Expect: 100-continue\r\nContent-Length: 14\r\n\r\n")
        assert peer.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        peer.sendall(b'{"uuid": "u1"}')
        answer = replies(peer)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"100 Continue" not in answer


def test_a_connection_serves_one_request_after_another(start: Callable[..., Any]) -> None:
    """Kept alive, pipelined, chunked, and split anywhere."""
    url = start(REQUEST_SECONDS="60").listening()
    body = HEAD + b'Content-Length: 14\r\n\r\n{"uuid": "u1"}'
    chunks = HEAD + b'Transfer-Encoding: chunked\r\n\r\n9\r\n{"uuid": \r\n5\r\n"u2"}\r\n0\r\n\r\n'
    with contextlib.ExitStack() as stack:
        (peer,) = connections(stack, url, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for cut in range(0, len(body), 7):
            peer.sendall(body[:cut])
            peer.sendall(body[cut:])
            assert b'"u1"' in replies(peer)
        pipelined = (body + chunks) * 3 + body[:50]
        peer.sendall(pipelined)
        answers = replies(peer, 6)
        assert answers.count(b"HTTP/1.1 200 ") == 6
        assert answers.count(b'"uuid": "u2"') == 3
        peer.sendall(body[50:])
        assert b'"u1"' in replies(peer)


def test_http_1_0_is_answered_and_closed(start: Callable[..., Any]) -> None:
    """With a body too."""
    url = start(REQUEST_SECONDS="60").listening()
    with contextlib.ExitStack() as stack:
        (peer,) = connections(stack, url, 1)
        peer.sendall(HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 14\r\n\r\n")
        peer.sendall(b'{"uuid": "u1"}')
        got = b""
        while piece := peer.recv(65_536):
            got += piece
        assert b" 200 OK\r\n" in got
        assert b'"u1"' in got


def test_connections_are_bounded(start: Callable[..., Any], ask: Callable[..., Any]) -> None:
    """At most WORKER_CONNECTIONS bodies are held: one more peer waits its turn."""
    url = start(WORKER_CONNECTIONS="2", REQUEST_SECONDS="2").listening()
    stalled = HEAD + b"Content-Length: 65536\r\n\r\n" + LONGEST[:-1]
    with contextlib.ExitStack() as stack:
        began = time.monotonic()
        *holding, third = connections(stack, url, 3)
        for peer in holding:
            peer.sendall(stalled)
        third.sendall(HEAD + b"Content-Length: 0\r\n\r\n")
        assert replies(third).startswith(b"HTTP/1.1 400 ")
        assert time.monotonic() - began > 1.9, "no more than two at the same time"
    assert ask(f"{url}/webhooks/answer?uuid=u1")[0] == 200


@pytest.mark.parametrize("first", [b"", HEAD + b'Content-Length: 14\r\n\r\n{"uuid": "u1"}'])
def test_head_body_and_answer_share_one_deadline(start: Callable[..., Any], first: bytes) -> None:
    """A head and a body that dribble are cut after REQUEST_SECONDS, also behind an answer."""
    url = start(REQUEST_SECONDS="4").listening()
    head = HEAD + b"Content-Length: 14\r\n"
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        opened = time.monotonic()
        (peer,) = connections(stack, url, 1)
        if first:
            peer.sendall(first)
            assert b'"u1"' in replies(peer)
        selector.register(peer, selectors.EVENT_READ)
        began = time.monotonic()
        peer.sendall(head)
        assert not selector.select(3)
        peer.sendall(b"\r\n")
        assert selector.select(60), "the head took 3 s, so the body has 1 s"
        assert peer.recv(1) == b""
        assert time.monotonic() - opened > 3.9
        assert time.monotonic() - began < 6.9, "not a deadline for each"


def test_an_idle_connection_does_not_delay_the_stop(start: Callable[..., Any]) -> None:
    """The gateway keeps connections for reuse; a stopping service does not wait for them."""
    process = start()
    with contextlib.ExitStack() as stack:
        (peer,) = connections(stack, process.listening(), 1)
        peer.sendall(HEAD + b'Content-Length: 14\r\n\r\n{"uuid": "u1"}')
        assert b'"u1"' in replies(peer)
        began = time.monotonic()
        process.popen.terminate()
        assert process.end() == (0, "")
        assert time.monotonic() - began < 8, "well before the 10 s that requests get"


def test_what_never_arrives_whole_is_logged(start: Callable[..., Any]) -> None:
    """A stalled body and an invalid chunk: with method, path and status, no traceback."""
    process = start(REQUEST_SECONDS="1")
    url = process.listening()
    with contextlib.ExitStack() as stack:
        stalled, chunked = connections(stack, url, 2)
        stalled.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        chunked.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert replies(chunked).startswith(b"HTTP/1.1 400 ")
        assert stalled.recv(1) == b""
    process.close()
    log = "\n".join(process.lines)
    line = "request_refused method=POST path=/webhooks/answer status="
    assert f"{line}408 error=request_timeout" in log
    assert f"{line}400 error=bad_request" in log
    assert "InvalidChunkSize" in log
    assert "ERROR" not in log


def test_what_is_no_http_is_refused_at_a_bounded_rate(
    start: Callable[..., Any], ask: Callable[..., Any]
) -> None:
    """Each is answered and counted; a flood leaves a few lines, without what was sent."""
    process = start(REQUEST_SECONDS="60")
    url = process.listening()
    long = b"GET /webhooks/answer?from=447700900123&x=" + b"1" * 9000 + b" HTTP/1.1\r\n\r\n"
    wrong = b"GET /webhooks/answer?from=447700900123 no HTTP\r\n\r\n"
    statuses = []
    for sent in [long, b"GET / HTTP/1.1\r\nX: " + b"1" * 9000 + b"\r\n\r\n", *[wrong] * 40]:
        with contextlib.ExitStack() as stack:
            (peer,) = connections(stack, url, 1)
            peer.sendall(sent)
            statuses.append(peer.recv(65_536)[:12])
    assert statuses == [b"HTTP/1.1 414", b"HTTP/1.1 431"] + [b"HTTP/1.1 400"] * 40
    assert ask(f"{url}/readyz")[1]["refused"] == {"bad_request": 42}
    process.close()
    lines = [line for line in process.lines if "request_refused" in line]
    assert 10 <= len(lines) <= 30
    assert "status=414 error=bad_request" in lines[0]
    assert "LimitRequestLine" in lines[0]
    log = "\n".join(process.lines)
    assert "447700900123" not in log
    assert "gunicorn.error" not in log
