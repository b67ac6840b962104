"""A connection on the fast path: audio goes back, or to its handler, in the connection's callback.

The library does the control frames, fragments, limits and the close, and handshakes that are not
plain (see `opening`). Here, complete, final binary frames are unmasked and written back at once,
all frames of a read in one write, or given to the call's handler; a read that is one frame like
the one before takes a shortcut. The same bytes go out as from the library alone, fed frame by
frame, with one exception: see `_on_frame`.

Incomplete frames are held here, so that the library is always between two frames.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CLOSE, DATA_OPCODES, CloseCode, Frame
from websockets.http11 import Response
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from ..call import Call, CallStats
from .connection import CallConnection
from .fair_queue import FairQueue
from .fragments import Fragments, TooManyFragments
from .frame_layout import (
    BINARY,
    MASKED,
    MAX_SIZE,
    TEXT,
    FrameLayout,
    frame_layout,
    frame_length,
    head_length,
)
from .opening import Opening, accepting, plain_opening
from .private_api import (
    apply_mask,
    drop_fragments,
    fragmented,
    hook_frames,
    open_protocol,
    room_left,
    set_transport,
    start_handler,
)

__all__ = ["FastConnection"]

TURN = 256  # work of one turn, in frames of the fast path: some 0.3 ms
SLOW_FRAME = 16  # what a frame that the library takes counts for in a turn
NEVER = -1  # a length that no read has

Accept = Callable[[CallConnection, Opening], Response | None]


class FastConnection(CallConnection):
    """A connection that takes and echoes messages in its own callback.

    Args:
        fair_queue: of all connections; for the others see `CallConnection`.
        accept: opens the call of a plain request, or returns why not; without it, the library
            does all handshakes.
        ping_interval: seconds between two pings; None for none.

    """

    __slots__ = (
        "_accept",
        "_call",
        "_fair_queue",
        "_fragments",
        "_head_in",
        "_head_out",
        "_last_size",
        "_layout",
        "_library_frame",
        "_need",
        "_now",
        "_ping_seconds",
        "_queued",
        "_request",
        "_rest",
        "_shortcut_length",
        "_sink",
        "_stats",
        "_unpack",
        "_write",
    )

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        fair_queue: FairQueue,
        accept: Accept | None = None,
        ping_interval: float | None = None,
        **options: Any,
    ) -> None:
        # The library would start a task for its pings.
        super().__init__(protocol, server, ping_interval=None, **options)
        self._fair_queue = fair_queue
        self._accept = accept
        self._ping_seconds = ping_interval or math.inf
        self._library_frame = hook_frames(protocol, self._on_frame)
        self._now = self.loop.time
        # The call; None until its messages may be taken.
        self._call: Call | None = None
        self._stats: CallStats
        # What takes its audio; None while it is echoed, or none has come.
        self._sink: Callable[[bytes], None] | None = None
        # The shortcut is for reads of this length that begin with `_head_in`.
        self._shortcut_length = NEVER
        self._use(frame_layout(0))
        self._last_size = NEVER
        # Data not worked on yet: an incomplete frame of `_need` bytes, or the next turn's.
        self._rest = bytearray()
        self._need = 0
        self._queued = False
        # What has come of the request, and of a message in fragments.
        self._request = bytearray()
        self._fragments = Fragments(self._options.message_bytes)

    def _use(self, layout: FrameLayout) -> None:
        self._layout = layout
        self._head_in, self._head_out, self._unpack = (
            layout.head_in,
            layout.head_out,
            layout.unpack,
        )

    async def serve(self, call: Call) -> None:
        """Take the messages of a call until it ends."""
        self._open(call)
        await self.wait_closed()

    def _open(self, call: Call) -> None:
        self._forget_handshake()
        self._stats = call.stats
        self._stats.run_echoed = self._options.echo
        self._write = self.transport.write
        self._call = call
        self.ping_at = self._now() + self._ping_seconds
        if self._rest:
            self._queue_turn()

    def ping_now(self) -> None:
        """Send a ping, if that needs no waiting: one timer of the service is for all calls."""
        self.ping_at = self._now() + self._ping_seconds
        if self.state is OPEN and not self.paused:
            self.protocol.send_ping(b"")
            self.send_data()

    def send_now(self, audio: bytes) -> bool:
        """Write one binary message, bypassing the library, unless it is long or writing is paused.

        Returns:
            Whether it was written; if not, `send` waits until it can be.

        """
        if self.paused or self.protocol.state is not OPEN or len(audio) > MAX_SIZE:
            return False
        self._write(frame_layout(len(audio)).head_out + audio)
        return True

    @property
    def last_received(self) -> float:
        """When the last data arrived, on the event loop's clock."""
        last = self._last_received
        return last if self._call is None else max(last, self._stats.last_frame_at)

    def end_call(self, code: int, reason: str, close_reason: str) -> None:
        """Close from our side; audio that comes from now on is dropped."""
        self._shortcut_length = NEVER
        super().end_call(code, reason, close_reason)

    async def close(
        self, code: CloseCode | int = CloseCode.NORMAL_CLOSURE, reason: str = ""
    ) -> None:
        """Close the connection; no audio goes back from now on."""
        self._shortcut_length = NEVER
        await super().close(code, reason)

    # The handshake

    def _begin(self, transport: asyncio.BaseTransport) -> None:
        set_transport(self, transport)
        if self._accept is None:
            start_handler(self)

    def _opened_at_once(self, data: bytes) -> bool:
        """Answer a plain request; return whether it was one."""
        if self._accept is None:
            return False
        accept, self._accept = self._accept, None
        opening = plain_opening(data) if len(data) <= self._options.handshake_bytes else None
        if opening is None or not self.server.is_serving():
            start_handler(self)
            return False
        refusal = accept(self, opening)
        if refusal is not None:
            self._forget_handshake()
            self.abort_at = self._now() + self._options.close_seconds
            self.protocol.send_response(refusal)
            self.send_data()
        elif self.call is not None:
            open_protocol(self.protocol)
            self._open(self.call)
            self.server.all_connections.add(self)
            self._write(accepting(opening.key))
        return True

    # Reading

    def data_received(self, data: bytes) -> None:
        """Take data; the shortcut is for one frame like the one before."""
        if len(data) == self._shortcut_length:
            head, mask, audio = self._unpack(data)
            if head == self._head_in:
                now = self._now
                time = now()
                stats = self._stats
                gap = time - stats.last_frame_at
                stats.last_frame_at = time
                if gap > stats.max_ignored_gap:
                    stats.count_gap(gap)
                stats.run_frames += 1
                sink = self._sink
                if sink is None:
                    write = self._write
                    write(self._head_out + apply_mask(audio, mask))
                else:
                    sink(apply_mask(audio, mask))
                return
        if self._call is None:
            self._before_call(data)
            return
        self._last_received = self._now()
        if len(data) > self._shortcut_length > 0:
            data = self._take_alike(data)
            if not data:
                return
        if self._rest:
            self._rest += data
            if self._queued or len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        self._work(data, self._call)

    def _before_call(self, data: bytes) -> None:
        """Give the library the request, and keep data that arrived early, after it."""
        if self.request is None:
            if self._opened_at_once(data):
                return
            seen = len(self._request)
            self._request += data
            end = self._request.find(b"\r\n\r\n", max(0, seen - 3))
            if end < 0:
                super().data_received(data)
                return
            self._request.clear()
            super().data_received(data[: end + 4 - seen])
            data = data[end + 4 - seen :]
        if data:
            self._rest += data
            self.transport.pause_reading()

    def _take_alike(self, data: bytes) -> bytes:
        """Take the frames at the start of a read if they are like the last one; return the rest.

        Nothing here is done frame by frame in Python, but for a handler.
        """
        layout = self._layout
        count = min(len(data) // layout.length, TURN)
        end = count * layout.length
        heads, masks, audios = zip(*layout.unpack_all(data[:end]), strict=True)
        if heads.count(layout.head_in) < count:
            return data
        size = layout.size
        self._count(count, count * size, count * int(size != self._stats.frame_bytes))
        unmasked = map(apply_mask, audios, masks)
        if self._sink is None:
            head = layout.head_out
            self._write(head + head.join(unmasked))
        else:
            for audio in unmasked:
                self._sink(audio)
        return data[end:]

    def _give(self, call: Call, audio: bytes) -> None:
        """Give audio to the call's handler."""
        if self._sink is None:
            self._sink = self._events.audio_sink(self, call)
        self._sink(audio)

    def _work(self, data: bytes, call: Call) -> None:
        """Process data for one turn at most, and keep the rest."""
        self._shortcut_length = NEVER
        if self.state is not OPEN and not self.paused:
            # Since the close the library has everything, perhaps a part of a frame.
            ServerConnection.data_received(self, data)
            return
        protocol, expected = self.protocol, self._stats.frame_bytes
        echo = self._options.echo
        limit = room_left(protocol)
        fast = self.state is OPEN and call.close_reason is None and not fragmented(protocol)
        frames = total = odd = need = 0
        size = NEVER
        head_out = b""
        out: list[bytes] = []
        at, end, work = 0, len(data), TURN
        while at < end and work > 0 and not self.paused:
            if fast and data[at] == BINARY and at + 8 <= end:
                length = data[at + 1] - MASKED
                start = at + 6
                if length == 126:
                    length = data[at + 2] << 8 | data[at + 3]
                    start = at + 8
                elif not 0 <= length < 126:
                    length = limit + 1
                after = start + length
                if length <= limit and after <= end:
                    if length != size:
                        size = length
                        head_out = frame_layout(size).head_out
                    audio = apply_mask(data[start:after], data[start - 4 : start])
                    if echo:
                        out += (head_out, audio)
                    else:
                        self._give(call, audio)
                    frames += 1
                    total += length
                    if length != expected:
                        odd += 1
                    at = after
                    work -= 1
                    continue
            need = frame_length(data, at, limit)
            if at + need > end:
                break
            if out:
                self._write(b"".join(out))
                out.clear()
            if frames:
                self._count(frames, total, odd)
                frames = total = odd = 0
            after = at + need if need else end
            if not (fast and need and data[at] == TEXT and self._took_text(call, data[at:after])):
                ServerConnection.data_received(self, data[at:after])
            at, need = after, 0
            if self.state is not OPEN:
                # The library decides about what comes after a close.
                if at < end:
                    ServerConnection.data_received(self, data[at:])
                return
            work -= SLOW_FRAME
            limit, expected = room_left(protocol), self._stats.frame_bytes
            fast = call.close_reason is None and not fragmented(protocol)
        if out:
            self._write(b"".join(out))
        if frames:
            self._count(frames, total, odd)
            if size == self._last_size != self._layout.size:
                self._stats.start_run(size)
                self._use(frame_layout(size))
            self._last_size = size
        if at < end:
            self._rest += data[at:]
            self._need = need
            if not need and not self.paused:
                self._queue_turn()
        else:
            self._allow_shortcut()

    def _took_text(self, call: Call, frame: bytes) -> bool:
        """Take a text in one frame; return whether it was taken: UTF-8, and not to be echoed."""
        if self._options.echo_text:
            return False
        start = head_length(frame[1])
        try:
            text = apply_mask(frame[start:], frame[start - 4 : start]).decode()
        except UnicodeDecodeError:
            return False
        self._events.text(self, call, text)
        return True

    def _allow_shortcut(self) -> None:
        """Allow the shortcut if the next read may be a frame like the last one."""
        if (
            self._last_size == self._layout.size
            and not self.paused
            and self._call is not None
            and self._call.close_reason is None
            and self.state is OPEN
            and not fragmented(self.protocol)
        ):
            self._shortcut_length = self._layout.length

    def _queue_turn(self) -> None:
        self._queued = True
        self.transport.pause_reading()
        self._fair_queue.add(self._turn)

    def _turn(self) -> None:
        self._queued = False
        if self.transport.is_closing() or self._call is None:
            return
        data = bytes(self._rest)
        self._rest.clear()
        self._work(data, self._call)
        if not self._queued and not self.paused and not self.transport.is_closing():
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the connection is gone, and let go of its handler."""
        super().connection_lost(exc)
        self._shortcut_length = NEVER
        self._sink = None
        self.server.all_connections.discard(self)

    # Flow control

    def pause_writing(self) -> None:
        """Stop reading while the peer does not read."""
        self._shortcut_length = NEVER
        super().pause_writing()

    def resume_writing(self) -> None:
        """Resume reading, first of the data kept here."""
        super().resume_writing()
        if self.transport.is_closing() or self._call is None:
            return
        if self._queued:
            self.transport.pause_reading()
        elif self._rest and not self._need:
            self._queue_turn()
        elif not self._rest:
            self._allow_shortcut()

    # What the library takes

    def _on_frame(self, frame: Frame) -> None:
        """Take a frame in its place in the stream, whatever comes behind it in the same read.

        Raises:
            ProtocolError: as the library's own method does.
            UnicodeDecodeError: a text is not UTF-8; the library closes with 1007.

        """
        was_open = self.state is OPEN
        if frame.opcode is CLOSE:
            # A peer may close in the middle of a message (RFC 6455, 5.4); the library would
            # answer with 1002.
            drop_fragments(self.protocol)
        self._library_frame(frame)
        call = self._call
        if call is None or not was_open or call.close_reason is not None:
            return
        if frame.opcode in DATA_OPCODES:
            try:
                message = self._fragments.add(frame)
            except TooManyFragments:
                self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            else:
                if message is not None:
                    self._on_message(call, *message)

    def _on_message(self, call: Call, is_text: bool, data: bytes) -> None:
        if is_text:
            text = data.decode()
            if self._options.echo_text:
                self.protocol.send_text(data)
            else:
                self._events.text(self, call, text)
            return
        self._count(1, len(data), int(len(data) != self._stats.frame_bytes))
        if self._options.echo:
            self.protocol.send_binary(data)
        else:
            self._give(call, data)

    def process_event(self, event: Event) -> None:
        """Pass control frames to the library; data has been taken already."""
        if not (isinstance(event, Frame) and event.opcode in DATA_OPCODES):
            super().process_event(event)

    def _count(self, frames: int, total: int, odd: int) -> None:
        """Count the frames of a read: how many, their bytes, how many of an unexpected size."""
        self._stats.received(self._now(), frames, total, odd, self._options.echo)
