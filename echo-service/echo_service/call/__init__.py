"""State of one call: who it is, its statistics, its summary, its trace.

Public: `Call`, `CallStats` (counters of one call), `CallTotals` (sums over calls). `traces`
needs an optional extra, so it is imported only where it is used.
"""

from .state import Call
from .stats import CallStats, CallTotals

__all__ = ["Call", "CallStats", "CallTotals"]
