"""Where a request ends: never before gunicorn could read it all, never after."""

import itertools
import time
from collections.abc import Iterator

import pytest
from gunicorn.config import Config  # type: ignore[import-untyped]  # gunicorn has no types
from gunicorn.http.parser import RequestParser  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.incoming import MAX_HEAD_BYTES, Incoming

LIMIT = 100
POST = b"POST / HTTP/1.1\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def fed(data: bytes, limit: int = LIMIT) -> tuple[Incoming, int]:
    """Feed a request byte by byte until it is whole; give it and how many bytes it took."""
    incoming = Incoming(limit)
    for number, byte in enumerate(data, 1):
        incoming.feed(bytes([byte]))
        if incoming.whole:
            return incoming, number
    return incoming, 0


GOOD = [
    b"GET /?a=b HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\nGET / HTTP/1.0\r\n\r\n",
    POST + b"Content-Length: 5\r\n\r\nhello",
    POST + b"CONTENT-length:\t005 \r\n\r\nhello",
    POST + b"Content-Length: 100\r\n\r\n" + bytes(100),
    b"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\n1",
    CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
    CHUNKED + b"5;a=b\r\nhello\r\nA\r\n0123\r\n\r\n67\r\n0;c\r\nX: y\r\nZ: 0\r\n\r\n",
    CHUNKED + b"0\r\n\r\n",
    POST + b"Transfer-Encoding: gzip\r\ntransfer-encoding: , chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
]


@pytest.mark.parametrize("request_", GOOD)
def test_a_request_is_whole_with_its_last_byte(request_: bytes) -> None:
    """Not one before, and what follows does not matter."""
    incoming, took = fed(request_ + b"GET / HTTP/1.1\r\n")
    assert took == len(request_)
    assert bytes(incoming.data) == request_
    assert not incoming.over
    at_once = Incoming(LIMIT)
    at_once.feed(request_ + b"GET / HTTP/1.1\r\n")
    assert at_once.whole
    assert not at_once.over


@pytest.mark.parametrize(
    "head",
    [
        POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: \xb2\r\n\r\n",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Transfer-Encoding: gzip\r\n\r\n",
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        CHUNKED + b"g\r\n",
        CHUNKED + b"1\r\nx!!",
    ],
)
def test_what_is_wrong_is_refused_at_once(head: bytes) -> None:
    """By gunicorn, which needs no more of it."""
    assert fed(head)[1] == len(head)


@pytest.mark.parametrize("length", [b"101", b"9223372036854775808", b"9" * 5000])
def test_a_length_over_the_limit_is_not_waited_for(length: bytes) -> None:
    """The head is enough."""
    head = POST + b"Content-Length: " + length + b"\r\n\r\n"
    incoming, took = fed(head)
    assert took == len(head)
    assert incoming.over


def test_chunks_over_the_limit_are_not_waited_for() -> None:
    """By what came, not by what is announced."""
    for chunks in (b"1000000000000000\r\n" + bytes(9000), b"50\r\n" + bytes(0x50) + b"\r\n"):
        incoming = Incoming(LIMIT)
        incoming.feed(CHUNKED)
        for _ in range(100):
            incoming.feed(chunks)
            if incoming.whole:
                break
            assert len(incoming.data) < 10_000
        assert incoming.over
        assert not incoming.cut


@pytest.mark.parametrize(
    "endless",
    [
        POST + b"X: " + b"x" * 2 * MAX_HEAD_BYTES,
        POST + b"X: y\r\n" * 2 * MAX_HEAD_BYTES,
        CHUNKED + b"1;" + b"x" * 2 * MAX_HEAD_BYTES,
        CHUNKED + b"0\r\nX: " + b"x" * 2 * MAX_HEAD_BYTES,
        CHUNKED + (b"1;" + b"x" * 4000 + b"\r\nx\r\n") * 50,
    ],
)
def test_what_has_no_end_is_cut(endless: bytes) -> None:
    """And its size is bounded."""
    incoming, took = fed(endless)
    assert incoming.cut
    assert took < MAX_HEAD_BYTES + 1000


def test_a_peer_that_waits_for_100_continue_is_told_once() -> None:
    """By us, so that gunicorn is not asked; not for a body that is there or too long."""
    expect = POST + b"Content-Length: %d\r\nExpect: 100-Continue\r\nX: y\r\n\r\n"
    waiting = Incoming(LIMIT)
    waiting.feed(expect % 5)
    assert (waiting.asks, waiting.whole) == (True, False)
    waiting.asks = False
    waiting.feed(b"hello")
    assert (waiting.asks, waiting.whole) == (False, True)
    assert bytes(waiting.data) == POST + b"Content-Length: 5\r\nX: y\r\n\r\nhello"
    for data in (expect % 5 + b"hello", expect % 500, expect.replace(b"1.1", b"1.0") % 5):
        other = Incoming(LIMIT)
        other.feed(data)
        assert not other.asks


def test_single_bytes_cost_little() -> None:
    """The work for a long body in single bytes grows as its length."""

    def seconds(size: int) -> float:
        chunks = b"1\r\nx\r\n" * (size // 12) + b"%x\r\n" % (size // 2) + bytes(size // 2)
        best = 60.0
        for _ in range(3):
            incoming = Incoming(10 * size)
            incoming.feed(CHUNKED)
            began = time.process_time()
            for byte in chunks:
                incoming.feed(bytes([byte]))
            best = min(best, time.process_time() - began)
            assert not incoming.whole
        return best

    assert seconds(80_000) < 40 * seconds(5_000), "16 times the bytes; 256 times if quadratic"


PIECES = [
    *(b"POST / HTTP/1.1\r\n", b"POST / HTTP/1.0\r\n", b"Content-Length", b"Transfer-Encoding"),
    *(b": ", b":", b"chunked", b"gzip", b"identity", b",", b" ", b"\t", b"\r\n", b"\r\n\r\n"),
    *(b"0", b"3", b"1f", b"abc", b";a=b", b"\r", b"\n", b"\x0b", b"\xb2", b"Expect: 100-continue"),
    *(b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n", b"0\r\n\r\n"),
]
requests = st.builds(
    lambda head, rest: b"".join([POST, *head, b"\r\n\r\n", *rest]),
    st.lists(st.sampled_from(PIECES), max_size=6),
    st.lists(st.sampled_from(PIECES), max_size=8),
)


@given(requests)
def test_gunicorn_never_waits_for_more_than_a_whole_request(data: bytes) -> None:
    """It parses the head and reads all of the body, or refuses, without asking for more."""
    incoming, _ = fed(data)
    if not incoming.whole or incoming.over:
        return

    def source() -> Iterator[bytes]:
        yield bytes(incoming.data)
        raise AssertionError("gunicorn waits for more")

    try:
        parsed = next(RequestParser(Config(), source(), ("127.0.0.1", 1)))
        while parsed.body.read(1024):
            pass
    except AssertionError:
        raise
    except Exception:  # noqa: S110 - it may refuse as it likes
        pass


@given(requests, st.lists(st.integers(1, 9)))
def test_the_pieces_do_not_matter(data: bytes, sizes: list[int]) -> None:
    """However it is split, a request is whole after the same byte."""
    _, took = fed(data)
    incoming, came = Incoming(LIMIT), 0
    for size in itertools.chain(sizes, itertools.repeat(len(data))):
        if incoming.whole or came >= len(data):
            break
        incoming.feed(data[came : came + size])
        came += size
    assert incoming.whole == bool(took)
    assert not took or came >= took
