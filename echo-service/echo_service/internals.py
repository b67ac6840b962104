"""All that the engine leans on beyond what `websockets` documents.

Nothing else in this package may touch the library's insides. `problem` says, once, at import,
whether the installed version still has them, and works as the engine needs it; if not, the
service takes the documented path (`connection`), which is slower and just as correct.

Leaned on are: `apply_mask`; of the sans-I/O protocol `recv_frame` (called once for each
frame, replaceable on an instance), `current_size` (None unless a message is in fragments),
`max_message_size`; of the connection `data_received` (synchronous), `send_data`, `process_event`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from websockets.asyncio.server import ServerConnection
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
    "problem",
    "room",
]

TESTED = "17."
"""Versions of the library that the engine was tested with start with this."""


def hook_frames(protocol: ServerProtocol, hook: Callable[[Frame], None]) -> Callable[..., None]:
    """Have `hook` called for each frame, in stream order, and return what was called before."""
    original: Callable[[Frame], None] = protocol.recv_frame
    protocol.recv_frame = hook  # type: ignore[assignment]  # on this instance alone
    return original


def fragmented(protocol: ServerProtocol) -> bool:
    """Whether the peer is in the middle of a message of several frames."""
    return protocol.current_size is not None


def drop_fragments(protocol: ServerProtocol) -> None:
    """Forget the message that the peer is in the middle of."""
    protocol.current_size = None


def room(protocol: ServerProtocol) -> int:
    """Return how many bytes the peer's next frame may have."""
    limit = protocol.max_message_size or 0
    return limit - (protocol.current_size or 0)


def find_problem() -> str | None:
    """Say why the engine cannot be used with the installed library; None if it can."""
    installed = version("websockets")
    if not installed.startswith(TESTED):
        return f"websockets {installed} is not one of the tested versions {TESTED}*"
    for name in ("data_received", "send_data", "process_event", "pause_writing"):
        if not callable(getattr(ServerConnection, name, None)):
            return f"websockets {installed} has no ServerConnection.{name}"
    try:
        difference = _try_out()
    except Exception as error:
        difference = f"{type(error).__name__}: {error}"
    return difference and f"websockets {installed} works otherwise inside ({difference})"


def _try_out() -> str | None:
    """Feed a protocol a ping and a binary message in two fragments, and look at every step."""
    protocol = ServerProtocol(state=State.OPEN, max_size=100)
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
    if seen != [(b"p", False), (b"a", True), (b"b", False)] or room(protocol) != 100:
        return "frames are not seen as expected"
    if b"".join(protocol.data_to_send()) != b"\x8a\x01p\x82\x02ab":
        return "frames are not written as expected"
    return None


problem: str | None = find_problem()
"""Why the engine cannot be used with the installed library; None if it can."""
