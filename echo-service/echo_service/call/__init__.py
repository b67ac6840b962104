"""State of one call: who it is, its statistics, its summary.

Public: `Call`, `CallStats` (counters of one call), `CallTotals` (sums over calls).
"""

from .state import Call
from .stats import CallStats, CallTotals

__all__ = ["Call", "CallStats", "CallTotals"]
