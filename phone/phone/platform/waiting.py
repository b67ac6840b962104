"""Waits for the first of several events."""

import asyncio
from collections.abc import Coroutine
from typing import Any

__all__ = ["first_of"]


async def first_of(*work: Coroutine[Any, Any, object]) -> None:
    """Return as soon as one of several is done; the others are cancelled.

    Raises:
        Exception: what the one that is done has raised.

    """
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
