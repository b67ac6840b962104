"""WebSocket connection cheap enough for hundreds in one process.

`websockets` handles every frame with objects and coroutines; at 20,000 frames a second in each
direction that is a core and a half. Here audio passes it by: frames are masked once, before the
call, and written to the transport as they are; whole binary frames from the server are cut out of
the stream before `websockets` sees it. All else (handshake, text, ping, close) stays its own.

What this leans on in `websockets` 15 and newer, and a test checks:

- `ClientConnection.data_received` gets the bytes as they come, and takes whole frames alone;
- `ClientConnection.response` is None until the handshake is over;
- `ClientConnection.transport`, and its file while the transport holds nothing back, may be written
  to between frames;
- `ClientConnection.protocol.state` is OPEN while frames may be sent.
"""

import asyncio
import os
import struct
from collections.abc import Callable
from time import perf_counter

from websockets.asyncio.client import ClientConnection
from websockets.protocol import State

__all__ = ["FastConnection", "masked"]

SWITCHING = 101
BINARY = 0x82  # a whole message (RFC 6455 5.2)
STREAM_MAX = 1 << 20  # bytes of an unfinished frame before the rest is left to `websockets`


def masked(payload: bytes) -> bytes:
    """Return a client's binary frame, masked as RFC 6455 5.3 asks of every client."""
    key = os.urandom(4)
    length = len(payload)
    if length < 126:
        header = struct.pack("!BB", BINARY, 0x80 | length)
    elif length < 1 << 16:
        header = struct.pack("!BBH", BINARY, 0x80 | 126, length)
    else:
        header = struct.pack("!BBQ", BINARY, 0x80 | 127, length)
    mask = int.from_bytes((key * (length // 4 + 1))[:length], "big")
    body = (int.from_bytes(payload, "big") ^ mask).to_bytes(length, "big")
    return header + key + body


def _frame_size(stream: bytes, start: int) -> int:
    """Return the size of the server's frame at `start`, 0 while its header is incomplete."""
    available = len(stream) - start
    if available < 2:
        return 0
    length = stream[start + 1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)
    if available < 2 + extra:
        return 0
    if extra:
        length = int.from_bytes(stream[start + 2 : start + 2 + extra], "big")
    return 2 + extra + length + (4 if stream[start + 1] & 0x80 else 0)


def _file_of(transport: asyncio.Transport) -> int:
    """Return the transport's file, -1 when bytes may not be written to it as they are."""
    plain = transport.get_extra_info("sslcontext") is None
    return int(transport.get_extra_info("socket").fileno()) if plain else -1


class FastConnection(ClientConnection):
    """A connection whose audio bypasses `websockets`.

    Set `on_audio` after the handshake: it is called with each binary message and its arrival.
    """

    on_audio: Callable[[bytes, float], None] | None = None
    _rest = b""
    _aside = False
    _file: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether frames may be written."""
        return self.protocol.state is State.OPEN and not self.transport.is_closing()

    def write_frame(self, frame: bytes) -> bool:
        """Write a frame made by `masked`; return whether the connection keeps up.

        It goes straight to the kernel where nothing waits before it and there is no TLS: the
        transport would keep it until the loop has done all else.
        """
        transport = self.transport
        if self._file is None:
            self._file = _file_of(transport)
        if self._file >= 0 and not transport.get_write_buffer_size():
            try:
                written = os.write(self._file, frame)
            except OSError:
                written = 0  # the transport meets it again, and says so
            if written == len(frame):
                return True
            frame = frame[written:]
        transport.write(frame)
        return transport.get_write_buffer_size() < STREAM_MAX

    def data_received(self, data: bytes) -> None:
        """Take audio out of the stream; pass the rest to `websockets`."""
        if self.response is None:
            data = self._handshake(data)
            if not data:
                return
        if self._aside:
            super().data_received(data)
            return
        arrival = perf_counter()
        stream = self._rest + data if self._rest else bytes(data)
        start, end = 0, len(stream)
        while start < end:
            size = _frame_size(stream, start)
            if not size or start + size > end:
                break
            on_audio = self.on_audio
            if on_audio is not None and stream[start] == BINARY:
                header = 2 if size < 128 else 4 if size < (1 << 16) + 4 else 10
                on_audio(stream[start + header : start + size], arrival)
            else:
                super().data_received(stream[start : start + size])
            start += size
        self._rest = stream[start:]
        if len(self._rest) > STREAM_MAX:
            self._step_aside()

    def _handshake(self, data: bytes) -> bytes:
        """Give `websockets` the handshake only; return the data that follows it."""
        self._rest += data
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            if len(self._rest) > STREAM_MAX:
                self._step_aside()
            return b""
        head, rest = self._rest[: end + 4], self._rest[end + 4 :]
        self._rest = b""
        super().data_received(head)
        if self.response is None or self.response.status_code != SWITCHING:
            self._aside = True  # a refusal, perhaps with a body
        return rest

    def _step_aside(self) -> None:
        rest, self._rest, self._aside = self._rest, b"", True
        super().data_received(rest)

    def eof_received(self) -> None:
        """Pass on data that was held back, then the end of the stream."""
        self._step_aside()
        super().eof_received()
