"""Exit statuses of the commands; `phone --help` lists them."""

__all__ = ["FAILED", "INTERRUPTED", "USAGE", "WARNINGS", "WORKED"]

WORKED, FAILED, USAGE, WARNINGS, INTERRUPTED = 0, 1, 2, 3, 130
