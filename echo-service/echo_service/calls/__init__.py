"""All live calls: their registry, pending handshakes, the reaper of dead ones, how calls ended.

Public: `CallRegistry`, `Endings`, `PendingHandshakes`, `Reaper`.
"""

from .endings import Endings
from .pending_handshakes import PendingHandshakes
from .reaper import Reaper
from .registry import CallRegistry

__all__ = ["CallRegistry", "Endings", "PendingHandshakes", "Reaper"]
