"""A peer on a raw TCP connection that speaks valid or invalid WebSocket."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.attacks.frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, frame, read_frame
from tests.attacks.opening import Reply, read_reply, upgrade
from tests.attacks.target import SLACK, Socket, Unsafe, require

__all__ = ["ANOTHER_CALL", "AUDIO", "Ending", "Peer"]

AUDIO = bytes(range(256)) * 2 + bytes(128)
"""A frame of 640 bytes, 20 ms at 16 kHz."""

ANOTHER_CALL = "22222222-3333-4444-8555-666666666666"
"""The uuid of a call that no ticket was made for."""

ANSWER_SECONDS = 5.0
"""Seconds that a server may take for something that costs it nothing."""


@dataclass(frozen=True)
class Ending:
    """How a connection ended: the code of the server's Close, None where it sent none."""

    code: int | None
    reason: str
    data: tuple[Frame, ...]
    """Text and binary frames that came before."""

    def __str__(self) -> str:
        return f"closed with {self.code}" if self.code else "cut off"


class Peer:
    """A connection to the target; leaving the context drops it."""

    def __init__(
        self, target: Socket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.target = target
        self.reader = reader
        self.writer = writer
        self.call = str(uuid.uuid4())

    @classmethod
    async def connect(
        cls, target: Socket, *, read_ahead: int = 2**16, receive_buffer: int | None = None
    ) -> Self:
        """Open a TCP connection.

        Args:
            target: to connect to.
            read_ahead: bytes taken off the connection before somebody asks for them.
            receive_buffer: size of the kernel's buffer, for peers that read slowly.

        """
        sock = socket.socket(await _family(target))
        try:
            sock.setblocking(False)
            if receive_buffer is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if target.source is not None:
                sock.bind((target.source, 0))
            async with asyncio.timeout(ANSWER_SECONDS * SLACK):
                await asyncio.get_running_loop().sock_connect(sock, (target.host, target.port))
            return cls(target, *await asyncio.open_connection(sock=sock, limit=read_ahead))
        except BaseException:
            sock.close()
            raise

    @classmethod
    async def on_call(
        cls, target: Socket, *, naming: str | None = None, receive_buffer: int | None = None
    ) -> Self:
        """Open a connection, shake hands and say `websocket:connected`, as a caller does.

        Args:
            target: to connect to.
            naming: the uuid of another call, to be named in place of the ticket's.
            receive_buffer: size of the kernel's buffer, for peers that read slowly.

        """
        peer = await cls.connect(target, receive_buffer=receive_buffer)
        try:
            ticket = target.authorization(peer.call) if target.authorization else None
            reply = await peer.shake_hands(ticket)
            require(reply.status == 101, f"a proper handshake was answered with {reply}")
            peer.say_hello(naming or peer.call)
        except BaseException:
            peer.drop()
            raise
        return peer

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.drop()

    async def shake_hands(self, authorization: str | None = None, *more: str) -> Reply:
        """Send the opening handshake and return the answer."""
        self.writer.write(upgrade(self.target, authorization, *more))
        return await self.reply()

    async def reply(self, within: float = ANSWER_SECONDS) -> Reply:
        """Read an HTTP response; raise `Unsafe` when none comes."""
        try:
            async with asyncio.timeout(within * SLACK):
                return await read_reply(self.reader)
        except TimeoutError:
            raise Unsafe(f"no answer, and not cut off, within {within:g} s") from None

    def say_hello(self, call: str) -> None:
        """Send the first message of the call with this uuid."""
        first = {
            "event": "websocket:connected",
            "content-type": "audio/l16;rate=16000",
            "uuid": call,
        }
        self.writer.write(frame(TEXT, json.dumps(first).encode()))

    async def send(self, data: bytes, within: float = ANSWER_SECONDS) -> bool:
        """Send bytes as they are; return whether the server took them in time."""
        try:
            self.writer.write(data)
            async with asyncio.timeout(within * SLACK):
                await self.writer.drain()
        except (ConnectionError, TimeoutError):
            return False
        return True

    async def next_data(self, within: float = ANSWER_SECONDS) -> bytes:
        """Return the payload of the next binary frame; raise `Unsafe` when none comes.

        Texts are passed over, so that a server that echoes them is not blamed for it everywhere.
        """
        while (got := await self.next_frame(within)).opcode != BINARY:
            pass
        return got.payload

    async def next_frame(self, within: float = ANSWER_SECONDS) -> Frame:
        """Return the next frame; raise `Unsafe` for a Close, or when nothing comes in time."""
        try:
            async with asyncio.timeout(within * SLACK):
                got = await read_frame(self.reader)
        except TimeoutError:
            raise Unsafe(f"nothing came back within {within:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            raise Unsafe("cut off before anything came back") from None
        code = int.from_bytes(got.payload[:2], "big")
        require(got.opcode != CLOSE, f"closed with {code} before anything came back")
        return got

    async def is_answered(self, within: float = ANSWER_SECONDS) -> bool:
        """Send a ping; return whether its pong came, or the connection ended instead."""
        await self.send(frame(PING, b"still there?"))
        try:
            async with asyncio.timeout(within * SLACK):
                while (got := await read_frame(self.reader)).opcode not in (PONG, CLOSE):
                    pass
                return got.opcode == PONG
        except TimeoutError:
            raise Unsafe(f"a ping was not answered within {within:g} s") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            return False

    async def echoes(self, payload: bytes) -> None:
        """Send a binary message; raise `Unsafe` unless the same comes back."""
        await self.send(frame(BINARY, payload))
        got = await self.next_data()
        require(got == payload, f"{len(payload)} bytes came back as {len(got)} other bytes")

    async def ending(self, within: float = ANSWER_SECONDS) -> Ending:
        """Read to the end of the connection; raise `Unsafe` when it does not end in time.

        The server's Close is not answered.
        """
        code, reason = None, ""
        data: list[Frame] = []
        try:
            async with asyncio.timeout(within * SLACK):
                while True:
                    got = await read_frame(self.reader)
                    if got.opcode == CLOSE:
                        code = int.from_bytes(got.payload[:2], "big")
                        reason = got.payload[2:].decode()
                    elif got.opcode < CLOSE and len(data) < 1000:
                        data.append(got)
        except TimeoutError:
            said = f" though it said {code}" if code else ""
            raise Unsafe(f"still open after {within:g} s{said}") from None
        except (asyncio.IncompleteReadError, ConnectionError):
            return Ending(code, reason, tuple(data))

    async def pours(self, piece: bytes, pieces: int, pause: float = 0.0) -> tuple[int, bool]:
        """Send `piece` again and again, reading along, `pause` seconds between two of them.

        Returns:
            how many pieces went in, and whether the server ended the connection meanwhile.

        """
        ended = asyncio.create_task(self.gone(60))
        try:
            for sent in range(pieces):
                if not await self.send(piece) or ended.done():
                    return sent, True
                await asyncio.sleep(pause)
            return pieces, False
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    async def gone(self, within: float) -> float:
        """Wait until the server ends the connection; return the seconds it took."""
        started = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(within * SLACK):
                while await self.reader.read(2**16):
                    pass
        except ConnectionError:
            pass
        except TimeoutError:
            raise Unsafe(f"still open after {within:g} s") from None
        return asyncio.get_running_loop().time() - started

    def reset(self) -> None:
        """Drop the connection with a RST in place of a FIN."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def drop(self) -> None:
        """Drop the connection, with unsent data."""
        self.writer.transport.abort()


async def _family(target: Socket) -> socket.AddressFamily:
    found = await asyncio.get_running_loop().getaddrinfo(
        target.host, target.port, type=socket.SOCK_STREAM
    )
    return found[0][0]
