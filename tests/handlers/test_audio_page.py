"""The code in docs/audio.md works."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "audio.md"


def code(name: str) -> str:
    """Return the page's code after this comment."""
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found, name
    return found[1]


def test_the_parrot_is_tested_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's test of the page's handler passes."""
    module = ModuleType("parrot")
    exec(code("handler: parrot"), module.__dict__)  # noqa: S102 - the page is ours
    monkeypatch.setitem(sys.modules, "parrot", module)
    names: dict[str, object] = {}
    exec(code("test: parrot"), names)  # noqa: S102 - as above
    test = names["test_the_parrot_repeats"]
    assert callable(test)
    test()
