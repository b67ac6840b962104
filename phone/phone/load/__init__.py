"""Many calls at once, and how the application took them."""

from phone.load.engine import LoadPlan
from phone.load.processes import run_load
from phone.load.result import LoadResult

__all__ = ["LoadPlan", "LoadResult", "run_load"]
