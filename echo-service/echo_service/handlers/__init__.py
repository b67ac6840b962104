"""What happens to the audio: handlers by name, or by import path."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import ModuleType
from typing import Any

from ..playback import AudioError, CallEnded, Playing, wav
from ..settings import Settings
from ..wire import Cleared, Connected, Dtmf, Notify, Other
from .audio_call import AudioCall, Event
from .delay import Delay
from .echo import echo
from .play import Play
from .record import record

__all__ = [
    "BUILT_IN",
    "AudioCall",
    "AudioError",
    "CallEnded",
    "Cleared",
    "Connected",
    "Dtmf",
    "Event",
    "Handler",
    "HandlerError",
    "Notify",
    "Other",
    "Playing",
    "load",
]

Handler = Callable[[AudioCall], Coroutine[Any, Any, None]]
"""An asynchronous function that lives as long as its call, or until it has had enough of it."""


def _play(settings: Settings) -> Handler:
    if not settings.play_file:
        raise HandlerError("play needs PLAY_FILE: the path of a WAV file")
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
"""The handlers that have a name, made from the settings."""


_CHOICE = f"one of {', '.join(BUILT_IN)}, or package.module:name of your own"


class HandlerError(ValueError):
    """There is no such handler; says what there is."""


def load(settings: Settings) -> Handler:
    """Find a handler.

    Args:
        settings: AUDIO_HANDLER among them is the name of a built-in one, or `package.module:name`
            of an asynchronous function, or of a class whose instances are called like one.

    Raises:
        HandlerError: if there is none of that name, or it cannot work with these settings.

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
        raise HandlerError(
            f"{name!r} cannot be imported ({_words(error)}); is its folder on PYTHONPATH? "
            f"Else give {_CHOICE}"
        ) from error
    found: Any = imported
    for part in attribute.split("."):
        found = getattr(found, part, None)
    made = _maker(found) if inspect.isclass(found) else found
    if made is None or (made is found and not _asynchronous(made)):
        seen = f"{module} has no {attribute!r}"
        if found is not None:
            seen = f"{name!r} is not an asynchronous function: write `async def`"
        raise HandlerError(f"{seen}; handlers in there: {', '.join(_handlers_in(imported))}")
    handler: Handler = made
    return handler


def _words(error: Exception) -> str:
    """Say what an import raised, and where if that does not say so itself."""
    said = f"{type(error).__name__}: {error}"
    stack = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError | ImportError) or not stack:
        return said
    return f"{said}, {stack[-1].filename}:{stack[-1].lineno}"


def _handlers_in(module: ModuleType) -> list[str]:
    named = [each for each in vars(module).items() if not each[0].startswith("_")]
    good = [
        name
        for name, value in named
        if (_maker(value) if inspect.isclass(value) else _asynchronous(value))
    ]
    return good or ["none"]


def _asynchronous(handler: Any) -> bool:
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - it is what we ask about
    )


def _maker(kind: Any) -> Handler | None:
    if not inspect.iscoroutinefunction(getattr(kind, "__call__", None)):  # noqa: B004 - as above
        return None

    return lambda call: kind()(call)
