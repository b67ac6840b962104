"""What happens to the audio: handlers by name, or by import path."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from .audio_call import AudioCall, Event
from .delay import delay
from .echo import echo

__all__ = ["BUILT_IN", "AudioCall", "Event", "Handler", "HandlerError", "load"]

Handler = Callable[[AudioCall], Awaitable[None]]
"""An asynchronous function that lives as long as its call, or until it has had enough of it."""

BUILT_IN: dict[str, Handler] = {"echo": echo, "delay": delay}


class HandlerError(ValueError):
    """There is no such handler; says what there is."""


def load(name: str) -> Handler:
    """Find a handler.

    Args:
        name: of a built-in one, or `package.module:name` of an asynchronous function, or of a
            class whose instances are called like one.

    Raises:
        HandlerError: if there is none of that name.

    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise HandlerError(
            f"there is no handler {name!r}; give one of {', '.join(BUILT_IN)}, "
            "or package.module:name of your own"
        )
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise HandlerError(
            f"{name!r} cannot be imported ({error}); is its folder on PYTHONPATH?"
        ) from error
    made = _maker(found) if inspect.isclass(found) else found
    if made is None or not _asynchronous(made):
        raise HandlerError(f"{name!r} is not an asynchronous function: write `async def`")
    handler: Handler = made
    return handler


def _asynchronous(handler: Any) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - it is what we ask about
    )


def _maker(kind: Any) -> Handler | None:
    if not inspect.iscoroutinefunction(getattr(kind, "__call__", None)):  # noqa: B004 - as above
        return None

    async def fresh(call: AudioCall) -> None:
        await kind()(call)

    return fresh
