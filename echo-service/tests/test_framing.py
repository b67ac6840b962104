"""Frames of exactly 20 ms."""

from __future__ import annotations

from echo_service.playback.framing import Framer
from hypothesis import given
from hypothesis import strategies as st


@given(st.lists(st.binary(max_size=2000), max_size=20), st.sampled_from([320, 640, 960]))
def test_every_frame_is_whole_and_nothing_is_lost(pieces: list[bytes], size: int) -> None:
    """Whatever the pieces, frames have one size and hold the same bytes, then silence."""
    framer = Framer(size)
    frames = [frame for piece in pieces for frame in framer.feed(piece)]
    last = framer.end()
    frames += [last] if last else []
    assert all(len(frame) == size for frame in frames)
    given_bytes, sent = b"".join(pieces), b"".join(frames)
    assert sent[: len(given_bytes)] == given_bytes
    assert sent[len(given_bytes) :] == bytes(-len(given_bytes) % size)
    assert framer.end() is None


def test_drop_forgets_the_rest() -> None:
    """What waited for the rest of its frame is gone after `drop`."""
    framer = Framer(4)
    assert list(framer.feed(b"abcdef")) == [b"abcd"]
    framer.drop()
    assert list(framer.feed(b"wxyz")) == [b"wxyz"]
