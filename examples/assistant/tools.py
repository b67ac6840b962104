"""Functions that the model may call: to hang up, to press keys, and the user's own.

A function of the user's own is an asynchronous or ordinary function with type hints, named by
ASSISTANT_TOOLS as `module:name`. Its docstring tells the model what it is for, its hints what it
takes; arguments are checked before it is called. Its errors go back to the model, and to the log.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ValidationError, create_model

from .settings import Settings, SettingsError

__all__ = ["HANG_UP", "Tool", "ToolError", "Tools", "load"]

HANG_UP = "hang_up"
"""The name of what ends the call once the goodbye was heard."""

LONGEST_OUTPUT = 16_384
"""Characters of a function's output that the model gets."""

OPERATOR_SECONDS = 5.0
"""How long ncco-service may take to press keys."""


class ToolError(Exception):
    """A function failed; the message is for the model."""


class Tool:
    """One function, described to the model.

    Args:
        name: that the model calls it by.
        function: that is called, with checked arguments.

    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self._function = function
        fields: dict[str, Any] = {}
        hints = inspect.get_annotations(function, eval_str=True)
        for parameter in inspect.signature(function).parameters.values():
            if parameter.name not in hints:
                raise SettingsError(
                    f"{name}: the parameter {parameter.name!r} has no type; write such as "
                    f"`{parameter.name}: str`"
                )
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[parameter.name] = (hints[parameter.name], default)
        self._arguments: type[BaseModel] = create_model(name, **fields)

    def describe(self) -> dict[str, Any]:
        """Return the description that a session is given."""
        schema = self._arguments.model_json_schema()
        schema.pop("title", None)
        return {
            "type": "function",
            "name": self.name,
            "description": inspect.getdoc(self._function) or self.name,
            "parameters": schema,
        }

    async def call(self, arguments: str) -> str:
        """Call it with JSON arguments; return its output, JSON unless it is text.

        Raises:
            ToolError: the arguments are wrong.
            Exception: whatever the function raises.

        """
        try:
            given = self._arguments.model_validate_json(arguments or "{}")
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ToolError(f"wrong arguments: {wrong}") from None
        values = {name: getattr(given, name) for name in type(given).model_fields}
        if inspect.iscoroutinefunction(self._function):
            result = await self._function(**values)
        else:
            result = await asyncio.to_thread(self._function, **values)
        text = result if isinstance(result, str) else json.dumps(result, default=str)
        return text[:LONGEST_OUTPUT]


class Tools:
    """The functions of one call.

    Args:
        tools: all of them.
        seconds: that one may take.

    """

    def __init__(self, tools: Mapping[str, Tool], seconds: float) -> None:
        self._tools = tools
        self._seconds = seconds

    def describe(self) -> list[dict[str, Any]]:
        """Return the descriptions that a session is given."""
        return [tool.describe() for tool in self._tools.values()]

    async def call(self, name: str, arguments: str) -> tuple[str, BaseException | None]:
        """Call a function by name.

        Returns:
            What the model is told, and what went wrong.

        """
        tool = self._tools.get(name)
        try:
            if tool is None:
                raise ToolError(f"there is no function {name!r}; there is {', '.join(self._tools)}")
            async with asyncio.timeout(self._seconds) as deadline:
                return await tool.call(arguments), None
        # Whatever a user's own function raises: a timeout of its own, or sys.exit, which would
        # end the service.
        except (Exception, SystemExit) as error:
            if isinstance(error, TimeoutError) and deadline.expired():
                error = ToolError(f"it took more than {self._seconds:g} s")
            said = (
                str(error) if isinstance(error, ToolError) else f"{type(error).__name__}: {error}"
            )
            return json.dumps({"error": said}), error


def hang_up() -> str:
    """End the call. Say goodbye in the same breath; the line ends when it was heard."""
    return "The line ends when the caller has heard the goodbye."


def load(settings: Settings) -> Callable[[str], Tools]:
    """Find the functions that the settings name.

    Returns:
        What makes the functions of a call, given its id.

    Raises:
        SettingsError: there is no such function, or its parameters have no types.

    """
    common = {HANG_UP: Tool(HANG_UP, hang_up)}
    for place in filter(None, map(str.strip, settings.assistant_tools.split(","))):
        module, colon, name = place.partition(":")
        try:
            function = getattr(importlib.import_module(module), name) if colon else None
        except Exception as error:  # whatever a user's module raises
            raise SettingsError(
                f"ASSISTANT_TOOLS: {place!r}: {type(error).__name__}: {error}"
            ) from error
        if not callable(function):
            raise SettingsError(f"ASSISTANT_TOOLS: {place!r} is no function; give module:name")
        if name in common:
            raise SettingsError(f"ASSISTANT_TOOLS: there are two functions {name!r}; rename one")
        common[name] = Tool(name, function)

    def of_call(call_id: str) -> Tools:
        tools = dict(common)
        if settings.operator_url:
            tools["press_keys"] = Tool("press_keys", _press_keys(settings, call_id))
        return Tools(tools, settings.assistant_tool_seconds)

    return of_call


def _press_keys(settings: Settings, call_id: str) -> Callable[..., Any]:
    url = f"{settings.operator_url}/calls/{quote(call_id, safe='')}/dtmf"

    def press_keys(digits: str) -> str:
        """Press keys of the telephone: 0-9, *, # and p for a pause of half a second."""
        headers = {"Content-Type": "application/json"}
        if settings.operator_key:
            headers["Authorization"] = f"Bearer {settings.operator_key}"
        request = urllib.request.Request(  # noqa: S310 - the setting allows http and https only
            url, json.dumps({"digits": digits}).encode(), headers, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=OPERATOR_SECONDS):  # noqa: S310 - as above
                return "pressed"
        except urllib.error.HTTPError as error:
            raise ToolError(f"ncco-service answers {error.code}: {error.read(500)!r}") from None
        except OSError as error:
            raise ToolError(f"ncco-service cannot be reached: {error}") from None

    return press_keys
