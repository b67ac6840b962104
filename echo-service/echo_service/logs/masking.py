"""Masking of telephone numbers."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["masked"]

# Not inside a UUID or another hexadecimal word.
_NUMBER = re.compile(r"(?<![\w-])\+?\d{5,}(?![\w-])")


def masked(value: Any) -> Any:
    """Hide all but the last two digits of what may be a telephone number.

    Args:
        value: text, or any JSON value; keys of objects are masked, too.

    """
    match value:
        case str():
            return _NUMBER.sub(lambda match: "*" * (len(match[0]) - 2) + match[0][-2:], value)
        case bool():
            return value
        case int():
            hidden = masked(str(value))
            return value if hidden == str(value) else hidden
        case dict():
            return {masked(str(key)): masked(item) for key, item in value.items()}
        case list():
            return [masked(item) for item in value]
        case _:
            return value
