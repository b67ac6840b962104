"""Places many calls at once and measures the result.

Public: `run_load`, of a `LoadPlan`, with `Live` (its progress), `LoadResult` and `LATE_MS`; for
other measurements `Histogram`, `stolen_seconds` and `waited_seconds`.
"""

from phone.load.histogram import Histogram
from phone.load.load_leg import LATE_MS
from phone.load.load_plan import Live, LoadPlan
from phone.load.machine import stolen_seconds, waited_seconds
from phone.load.processes import run_load
from phone.load.result import LoadResult

__all__ = [
    "LATE_MS",
    "Histogram",
    "Live",
    "LoadPlan",
    "LoadResult",
    "run_load",
    "stolen_seconds",
    "waited_seconds",
]
