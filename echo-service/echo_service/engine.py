"""The fast path: audio goes back inside the connection's own callback.

The library does the handshake, the control frames, fragments, text, limits and the close. Here,
complete, final binary frames are unmasked and written back at once, all frames of a read in one
write; a read that is one frame like the one before takes an even shorter way. The same bytes go
out as from the library alone, fed frame by frame, with one exception: see `_on_frame`.

Frames that are not complete are held here, so that the library is always between two frames.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import CLOSE, DATA_OPCODES, CloseCode, Frame
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol

from . import shapes
from .connection import CallConnection
from .fragments import Fragments, TooManyFragments
from .internals import apply_mask, drop_fragments, fragmented, hook_frames, room

if TYPE_CHECKING:
    from .call import Call
    from .switchboard import Switchboard

__all__ = ["EngineConnection"]

TURN = 256
"""Work of one turn, in frames of the fast path: some 0.3 ms."""

SLOW_FRAME = 16
"""What a frame that goes the library's way counts for in a turn."""

NEVER = -1
"""A length that no read has."""


class EngineConnection(CallConnection):
    """A connection that takes and echoes messages in its own callback."""

    __slots__ = (
        "_fragments",
        "_gap",
        "_head_in",
        "_head_out",
        "_last",
        "_length",
        "_library_frame",
        "_need",
        "_now",
        "_open",
        "_queued",
        "_quick",
        "_request",
        "_rest",
        "_shape",
        "_size",
        "_unpack",
        "_watch",
        "_write",
    )

    def __init__(
        self, protocol: ServerProtocol, server: Server, *, board: Switchboard, **options: Any
    ) -> None:
        super().__init__(protocol, server, board=board, **options)
        self._library_frame = hook_frames(protocol, self._on_frame)
        self._now = self.loop.time
        # The call, from when its messages may be taken.
        self._open: Call | None = None
        # The shortest way is for reads of `_length` bytes that begin with `_head_in`.
        self._length = NEVER
        self._use(shapes.shape(0))
        self._size = NEVER
        # Frames that went that way and are not in the tally yet; when the last frame came.
        self._quick = 0
        self._last = self._watch = 0.0
        # What is not worked on yet: an incomplete frame of `_need` bytes, or the next turn's.
        self._rest = bytearray()
        self._need = 0
        self._queued = False
        # What has come of the request, and later of a message in fragments.
        self._request = bytearray()
        self._fragments = Fragments(board.settings.max_message_bytes)

    def _use(self, new: shapes.Shape) -> None:
        self._shape = new
        self._head_in, self._head_out, self._unpack = new.head_in, new.head_out, new.unpack

    async def serve(self, call: Call) -> None:
        """Take the messages of a call until it ends."""
        self._gap = call.tally.gap
        self._write = self.transport.write
        self._open = call
        call.settle = self._settle
        if self._rest:
            self._queue_turn()
        await self.wait_closed()

    async def send_audio(self, audio: bytes) -> None:
        """Send one binary message, past the library where nothing is in the way."""
        if self.state is OPEN and not self.paused and len(audio) <= shapes.LONGEST:
            self._write(shapes.shape(len(audio)).head_out + audio)
        else:
            await self.send(audio)

    def last_heard(self) -> float:
        """When anything came, on the event loop's clock."""
        return max(self.heard, self._last)

    async def close(
        self, code: CloseCode | int = CloseCode.NORMAL_CLOSURE, reason: str = ""
    ) -> None:
        """Close the connection; no audio goes back from now on."""
        self._length = NEVER
        await super().close(code, reason)

    # Reading

    def data_received(self, data: bytes) -> None:
        """Take what came; the shortest way is for one frame like the one before."""
        if len(data) == self._length:
            head, mask, audio = self._unpack(data)
            if head == self._head_in:
                now = self._now
                time = now()
                gap = time - self._last
                self._last = time
                if gap > self._watch:
                    self._watch = self._gap(gap)
                self._quick += 1
                write = self._write
                write(self._head_out + apply_mask(audio, mask))
                return
        if self._open is None:
            self._before_open(data)
            return
        self.heard = self._now()
        if len(data) > self._length > 0:
            data = self._alike(data, self._open)
            if not data:
                return
        if self._rest:
            self._rest += data
            if self._queued or len(self._rest) < self._need:
                return
            data = bytes(self._rest)
            self._rest.clear()
        self._work(data, self._open)

    def _before_open(self, data: bytes) -> None:
        """Give the library its request, and hold what came behind it too early."""
        if self.request is None:
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

    def _alike(self, data: bytes, call: Call) -> bytes:
        """Echo the frames at the start of a read if they are like the last one; return the rest.

        Nothing here is done frame by frame in Python.
        """
        like = self._shape
        count = min(len(data) // like.length, TURN)
        end = count * like.length
        heads, masks, audios = zip(*like.unpack_all(data[:end]), strict=True)
        if heads.count(like.head_in) < count:
            return data
        self._count(call, count, count * like.size, count * int(like.size != call.frame_bytes))
        head = like.head_out
        self._write(head + head.join(map(apply_mask, audios, masks)))
        return data[end:]

    def _work(self, data: bytes, call: Call) -> None:
        """Work on what came, for one turn at most, and keep the rest."""
        self._length = NEVER
        board, protocol = self.board, self.protocol
        echo = board.handler is None
        limit = room(protocol)
        fast = self.state is OPEN and call.reason is None and not fragmented(protocol)
        frames = total = odd = need = 0
        size = NEVER
        head_out = b""
        out: list[bytes] = []
        at, end, work = 0, len(data), TURN
        while at < end and work > 0 and not self.paused:
            if fast and data[at] == shapes.BINARY and at + 8 <= end:
                length = data[at + 1] - shapes.MASKED
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
                        head_out = shapes.shape(size).head_out
                    audio = apply_mask(data[start:after], data[start - 4 : start])
                    if echo:
                        out += (head_out, audio)
                    else:
                        board.audio(self, call, audio)
                    frames += 1
                    total += length
                    if length != call.frame_bytes:
                        odd += 1
                    at = after
                    work -= 1
                    continue
            need = shapes.frame_length(data, at, limit)
            if at + need > end:
                break
            if out:
                self._write(b"".join(out))
                out.clear()
            if frames:
                self._count(call, frames, total, odd)
                frames = total = odd = 0
            after = at + need if need else end
            ServerConnection.data_received(self, data[at:after])
            at, need = after, 0
            if self.state is not OPEN:
                # The library knows what to do with what comes after a close.
                if at < end:
                    ServerConnection.data_received(self, data[at:])
                return
            work -= SLOW_FRAME
            limit = room(protocol)
            fast = call.reason is None and not fragmented(protocol)
        if out:
            self._write(b"".join(out))
        if frames:
            self._count(call, frames, total, odd)
            if size == self._size != self._shape.size:
                self._settle()
                self._use(shapes.shape(size))
            self._size = size
        if at < end:
            self._rest += data[at:]
            self._need = need
            if not need and not self.paused:
                self._queue_turn()
        else:
            self._allow_shortest()

    def _allow_shortest(self) -> None:
        """Let the shortest way be taken, if the next read may be a frame like the last one."""
        if (
            self._size == self._shape.size
            and self.board.handler is None
            and not self.paused
            and self._open is not None
            and self._open.reason is None
            and self.state is OPEN
            and not fragmented(self.protocol)
        ):
            self._length = self._shape.length

    def _queue_turn(self) -> None:
        self._queued = True
        self.transport.pause_reading()
        self.board.turns.add(self._turn)

    def _turn(self) -> None:
        self._queued = False
        if self.transport.is_closing() or self._open is None:
            return
        data = bytes(self._rest)
        self._rest.clear()
        self._work(data, self._open)
        if not self._queued and not self.paused and not self.transport.is_closing():
            self.transport.resume_reading()

    # Flow control

    def pause_writing(self) -> None:
        """Stop reading while the peer does not read."""
        self._length = NEVER
        super().pause_writing()

    def resume_writing(self) -> None:
        """Go on, first with what is held here."""
        super().resume_writing()
        if self.transport.is_closing() or self._open is None:
            return
        if self._queued:
            self.transport.pause_reading()
        elif self._rest and not self._need:
            self._queue_turn()
        elif not self._rest:
            self._allow_shortest()

    # What goes the library's way

    def _on_frame(self, frame: Frame) -> None:
        """Take a frame in its place in the stream, whatever comes behind it in the same read.

        Raises:
            ProtocolError: for the library, as its own would.
            UnicodeDecodeError: likewise, if a text is not UTF-8.

        """
        was_open = self.state is OPEN
        if frame.opcode is CLOSE:
            # A peer may close in the middle of a message (RFC 6455, 5.4); the library would
            # answer with 1002.
            drop_fragments(self.protocol)
        self._library_frame(frame)
        call = self._open
        if call is None or not was_open or call.reason is not None:
            return
        if frame.opcode in DATA_OPCODES:
            try:
                message = self._fragments.take(frame)
            except TooManyFragments:
                self.protocol.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            else:
                if message is not None:
                    self._on_message(call, *message)

    def _on_message(self, call: Call, is_text: bool, data: bytes) -> None:
        if is_text:
            text = data.decode()
            if self.board.settings.echo_text:
                self.protocol.send_text(data)
            else:
                self.board.text(self, call, text)
            return
        self._count(call, 1, len(data), int(len(data) != call.frame_bytes))
        if self.board.handler is None:
            self.protocol.send_binary(data)
        else:
            self.board.audio(self, call, data)

    def process_event(self, event: Event) -> None:
        """Leave to the library what is not data: that has been taken already."""
        if not (isinstance(event, Frame) and event.opcode in DATA_OPCODES):
            super().process_event(event)

    # Counting

    def _count(self, call: Call, frames: int, total: int, odd: int) -> None:
        """Count the frames of a read: how many, their bytes, how many of an unexpected size."""
        now = self._now()
        tally = call.tally
        if self._last:
            gap = now - self._last
            if gap > self._watch:
                self._watch = tally.gap(gap)
        else:
            call.first_frame = now
        self._last = now
        tally.frames_in += frames
        tally.bytes_in += total
        if call.frame_bytes:
            tally.odd += odd
        if self.board.handler is None:
            tally.frames_out += frames
            tally.bytes_out += total

    def _settle(self) -> None:
        """Bring the tally up to date with the frames that went the shortest way."""
        call = self._open
        if call is None or not self._last:
            return
        tally = call.tally
        frames, size = self._quick, self._shape.size
        self._quick = 0
        tally.frames_in += frames
        tally.frames_out += frames
        tally.bytes_in += frames * size
        tally.bytes_out += frames * size
        if call.frame_bytes and size != call.frame_bytes:
            tally.odd += frames
        tally.gap_seconds = self._last - call.first_frame
