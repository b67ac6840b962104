"""Many calls at once, and how the application took them."""

from phone.load.plan import Live, LoadPlan
from phone.load.processes import run_load
from phone.load.result import LoadResult

__all__ = ["Live", "LoadPlan", "LoadResult", "run_load"]
