"""All live calls: their registry, pending handshakes, the reaper, and recently ended calls.

Public: `CallRegistry`, `EndedCalls`, `PendingHandshakes`, `Reaper`.
"""

from .ended_calls import EndedCalls
from .pending_handshakes import PendingHandshakes
from .reaper import Reaper
from .registry import CallRegistry

__all__ = ["CallRegistry", "EndedCalls", "PendingHandshakes", "Reaper"]
