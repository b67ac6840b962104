"""Functions that the model of the tests may call."""

from __future__ import annotations

__all__ = ["add", "fail"]


async def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


def fail() -> str:
    """Fail."""
    raise RuntimeError("as it should")
