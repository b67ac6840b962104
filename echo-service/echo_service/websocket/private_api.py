"""Private parts of `websockets` that the fast path uses. Nothing else may use them.

`problem` says, once, at import, whether the installed version still has them and behaves as the
fast path needs it; if not, the service uses the documented path (`connection`), which is slower
and just as correct.

Used are: `apply_mask`; of the sans-I/O protocol `recv_frame` (called once for each frame,
replaceable on an instance), `current_size` (None unless a message is in fragments),
`max_message_size`, `parse` and `parser`; of the connection `data_received` (synchronous),
`send_data`, `process_event`; of the server `all_connections`, which it closes when it stops, and
`handler`, whose task for each connection does the handshake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version

from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection
from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

__all__ = [
    "TESTED",
    "apply_mask",
    "drop_fragments",
    "find_problem",
    "fragmented",
    "hook_frames",
    "open_protocol",
    "problem",
    "room_left",
    "set_transport",
    "start_handler",
]

TESTED = "17."  # prefix of the library's versions that the fast path was tested with


def hook_frames(protocol: ServerProtocol, hook: Callable[[Frame], None]) -> Callable[..., None]:
    """Have `hook` called for each frame, in stream order; return what was called before."""
    original: Callable[[Frame], None] = protocol.recv_frame
    protocol.recv_frame = hook  # type: ignore[assignment]  # on this instance alone
    return original


def fragmented(protocol: ServerProtocol) -> bool:
    """Return whether the peer is in the middle of a message of several frames."""
    return protocol.current_size is not None


def drop_fragments(protocol: ServerProtocol) -> None:
    """Drop the message that the peer is in the middle of."""
    protocol.current_size = None


def room_left(protocol: ServerProtocol) -> int:
    """Return how many bytes the peer's next frame may have."""
    limit = protocol.max_message_size or 0
    return limit - (protocol.current_size or 0)


def open_protocol(protocol: ServerProtocol) -> None:
    """Have a new protocol take frames: its handshake was done elsewhere."""
    protocol.state = State.OPEN
    protocol.parser = protocol.parse()
    next(protocol.parser)


def set_transport(connection: ServerConnection, transport: asyncio.BaseTransport) -> None:
    """Give a connection its transport, but start no task for its handshake."""
    Connection.connection_made(connection, transport)


def start_handler(connection: ServerConnection) -> None:
    """Start the task that does a connection's handshake and then serves it."""
    server = connection.server
    server.handler_tasks.add(connection.loop.create_task(server.handler(connection)))


def find_problem() -> str | None:
    """Return why the fast path cannot be used with the installed library; None if it can."""
    installed = version("websockets")
    if not installed.startswith(TESTED):
        return f"websockets {installed} is not one of the tested versions {TESTED}*"
    for name in ("data_received", "send_data", "process_event", "pause_writing"):
        if not callable(getattr(ServerConnection, name, None)):
            return f"websockets {installed} has no ServerConnection.{name}"
    # Attributes of an instance, which can be made only while an event loop runs.
    missing = {"all_connections", "handler", "handler_tasks"} - {*Server.__init__.__code__.co_names}
    if missing:
        return f"websockets {installed} has no Server.{min(missing)}"
    try:
        difference = _try_out()
    except Exception as error:
        difference = f"{type(error).__name__}: {error}"
    return difference and f"websockets {installed} behaves differently internally ({difference})"


def _try_out() -> str | None:
    """Feed a protocol a ping and a binary message in two fragments, and check every step."""
    protocol = ServerProtocol(max_size=100)
    open_protocol(protocol)
    seen: list[tuple[bytes, bool]] = []

    def hook(frame: Frame) -> None:
        original(frame)
        seen.append((bytes(frame.data), fragmented(protocol)))
        if frame.fin and frame.opcode == 0:
            protocol.send_binary(b"ab")

    original = hook_frames(protocol, hook)
    mask = b"\x01\x02\x03\x04"
    for head, data in ((0x89, b"p"), (0x02, b"a"), (0x80, b"b")):
        protocol.receive_data(bytes([head, 0x81]) + mask + apply_mask(data, mask))
    protocol.events_received()
    if seen != [(b"p", False), (b"a", True), (b"b", False)] or room_left(protocol) != 100:
        return "frames are not seen as expected"
    if b"".join(protocol.data_to_send()) != b"\x8a\x01p\x82\x02ab":
        return "frames are not written as expected"
    return None


problem: str | None = find_problem()
"""Why the fast path cannot be used with the installed library; None if it can."""
