"""Log lines: structured, escaped, numbers masked, at a bounded rate.

Public: `get_logger` (also for your own handlers), `set_up`, `FORMATS`, `masked`, `TokenBucket`.
"""

from .logger import FORMATS, get_logger, set_up
from .masking import masked
from .token_bucket import TokenBucket

__all__ = ["FORMATS", "TokenBucket", "get_logger", "masked", "set_up"]
