"""The summary of what the Autobahn TestSuite found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench.conformance import python27, summary

OK = {"behavior": "OK", "behaviorClose": "OK"}


def test_what_is_not_ok_is_listed_in_order() -> None:
    """A lenient answer is no failure, but it is shown."""
    lenient = {"behavior": "NON-STRICT", "behaviorClose": "OK"}
    text, passed = summary({"10.1.1": lenient, "9.1.1": lenient, "1.1.1": OK})
    assert passed
    assert "3 cases.\nBehaviour: 2 NON-STRICT, 1 OK. Closing: 3 OK." in text
    assert text.index("| 9.1.1 | NON-STRICT | OK |") < text.index("| 10.1.1 |")
    assert "| 1.1.1 |" not in text


@pytest.mark.parametrize(
    "case",
    [
        {"behavior": "FAILED", "behaviorClose": "OK"},
        {"behavior": "OK", "behaviorClose": "UNCLEAN"},
        {"behavior": "OK", "behaviorClose": "WRONG CODE"},
    ],
)
def test_a_failure_in_behaviour_or_closing_fails(case: dict[str, str]) -> None:
    """One case is enough."""
    assert not summary({"1.1.1": OK, "7.1.1": case})[1]


def test_no_cases_at_all_is_a_failure() -> None:
    """A suite that did not run proves nothing."""
    assert not summary({})[1]


def test_without_python_2_none_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An interpreter of another version does not count."""
    fake = tmp_path / "python2.7"
    fake.write_text("#!/bin/sh\necho False\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + "/nowhere")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.delenv("PYTHON27", raising=False)
    assert python27() is None
