"""All live calls: their registry, pending handshakes, the reaper of dead ones, how calls ended.

Public: `CallRegistry`, `EndedCalls`, `PendingHandshakes`, `Reaper`.
"""

from .ended_calls import EndedCalls
from .pending_handshakes import PendingHandshakes
from .reaper import Reaper
from .registry import CallRegistry

__all__ = ["CallRegistry", "EndedCalls", "PendingHandshakes", "Reaper"]
