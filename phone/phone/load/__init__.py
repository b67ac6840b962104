"""Many calls at once, and how the application took them."""

from phone.load.engine import LoadPlan, run_load
from phone.load.result import LoadResult

__all__ = ["LoadPlan", "LoadResult", "run_load"]
