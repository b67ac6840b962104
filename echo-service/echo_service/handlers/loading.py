"""Loading of audio handlers, by name or by import path."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from ..playback import AudioError, wav
from ..settings import Settings
from .audio_call import AudioCall
from .delay import Delay
from .echo import echo, record
from .play import Play

__all__ = ["BUILT_IN", "Handler", "HandlerError", "load"]

Handler = Callable[[AudioCall], Coroutine[Any, Any, None]]
"""An asynchronous function that runs as long as its call; when it returns, the call ends."""


def _play(settings: Settings) -> Handler:
    if not settings.play_file:
        raise HandlerError("play needs PLAY_FILE: set it to the path of a WAV file")
    path = Path(settings.play_file)
    try:
        wav.read(path)
    except AudioError as error:
        raise HandlerError(f"play cannot play PLAY_FILE: {error}") from None
    return Play(path)


BUILT_IN: dict[str, Callable[[Settings], Handler]] = {
    "echo": lambda settings: echo,
    "record": lambda settings: record,
    "delay": lambda settings: Delay(settings.delay_ms),
    "play": _play,
}
"""Built-in handlers: by name, a function that makes one from the settings."""


_CHOICE = f"one of {', '.join(BUILT_IN)}, or package.module:name of your own"


class HandlerError(ValueError):
    """The audio handler cannot be used; the message says why, and names those that can."""


def load(settings: Settings) -> Handler:
    """Return the handler that AUDIO_HANDLER names.

    Args:
        settings: AUDIO_HANDLER is the name of a built-in handler, or `package.module:name` of an
            asynchronous function, or of a class whose instances are called like one.

    Raises:
        HandlerError: there is no such handler, or it cannot work with these settings.

    """
    name = settings.audio_handler
    if name in BUILT_IN:
        return BUILT_IN[name](settings)
    module, colon, attribute = name.partition(":")
    if not colon:
        raise HandlerError(f"there is no handler {name!r}; give {_CHOICE}")
    try:
        imported = importlib.import_module(module)
    except Exception as error:  # whatever an application's own code raises
        advice = f"check that its folder is on PYTHONPATH, or give {_CHOICE}"
        if closed := _unreadable(sys.path):
            advice = (
                f"this process, uid {os.getuid()}, cannot read {closed}: chmod -R a+rX {closed}"
            )
        raise HandlerError(
            f"{name!r} cannot be imported ({_described(error)}); {advice}"
        ) from error
    found: Any = imported
    for part in attribute.split("."):
        found = getattr(found, part, None)
    handler = _as_handler(found)
    if handler is None:
        seen = f"{module} has no {attribute!r}"
        if found is not None:
            seen = f"{name!r} is not an asynchronous function: write `async def`"
        usable = [
            name
            for name, value in vars(imported).items()
            if not name.startswith("_") and _as_handler(value)
        ]
        raise HandlerError(f"{seen}; handlers in this module: {', '.join(usable) or 'none'}")
    return handler


def _unreadable(folders: Iterable[str]) -> str | None:
    """Return the first folder that exists but cannot be read; imports skip it silently."""
    closed = (f for f in folders if os.path.isdir(f) and not os.access(f, os.R_OK | os.X_OK))
    return next(closed, None)


def _described(error: Exception) -> str:
    """Return what an import raised, and where if the error does not say so itself."""
    said = f"{type(error).__name__}: {error}"
    stack = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError | ImportError) or not stack:
        return said
    return f"{said}, {stack[-1].filename}:{stack[-1].lineno}"


def _as_handler(value: Any) -> Handler | None:
    """Return an asynchronous function, an instance or a class as a handler; else None."""
    callable_itself = inspect.iscoroutinefunction(getattr(value, "__call__", None))  # noqa: B004 - is it asynchronous
    if inspect.isclass(value):
        maker: Any = value
        return (lambda call: maker()(call)) if callable_itself else None
    return value if callable_itself or inspect.iscoroutinefunction(value) else None
