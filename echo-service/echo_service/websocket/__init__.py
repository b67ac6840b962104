"""One WebSocket connection: the documented path, the fast path, and how a connection ended.

Public: `CallConnection` (documented path), `FastConnection`, what both are given
(`ConnectionOptions`, `ConnectionEvents`, for the fast path a `FairQueue`), the `Opening` that a
peer asks for, `CloseInfo`, and `private_api`, which says whether the fast path can be used.
"""

from . import private_api
from .close_info import CloseInfo
from .connection import CallConnection, ConnectionEvents, ConnectionOptions
from .fair_queue import FairQueue
from .fast_connection import FastConnection
from .opening import Opening

__all__ = [
    "CallConnection",
    "CloseInfo",
    "ConnectionEvents",
    "ConnectionOptions",
    "FairQueue",
    "FastConnection",
    "Opening",
    "private_api",
]
