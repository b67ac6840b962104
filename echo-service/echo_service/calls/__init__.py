"""All live calls: their registry, pending handshakes, and the reaper of dead ones.

Public: `CallRegistry`, `PendingHandshakes`, `Reaper`.
"""

from .pending_handshakes import PendingHandshakes
from .reaper import Reaper
from .registry import CallRegistry

__all__ = ["CallRegistry", "PendingHandshakes", "Reaper"]
