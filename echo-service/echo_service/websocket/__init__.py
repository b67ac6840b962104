"""One WebSocket connection: the documented path, the fast path, and how a connection ended.

Public: `CallConnection` (documented path), `FastConnection`, what both are given
(`ConnectionOptions`, `ConnectionEvents`, for the fast path a `FairQueue`), `CloseInfo`, and
`private_api`, which says whether the fast path can be used.
"""

from . import private_api as private_api
from .close_info import CloseInfo as CloseInfo
from .connection import CallConnection as CallConnection
from .connection import ConnectionEvents as ConnectionEvents
from .connection import ConnectionOptions as ConnectionOptions
from .fair_queue import FairQueue as FairQueue
from .fast_connection import FastConnection as FastConnection
