"""Results of the examination: one line for each check."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

__all__ = ["Check", "Diagnosis", "Verdict"]

Verdict = Literal["ok", "warning", "failure", "skipped"]


@dataclass(frozen=True)
class Check:
    """One check.

    Args:
        name: what was looked at.
        verdict: how it is.
        seen: what was seen.
        advice: what to do; empty where nothing is to be done.

    """

    name: str
    verdict: Verdict
    seen: str
    advice: str = ""


@dataclass
class Diagnosis:
    """All checks, in the order in which a call would meet them.

    Args:
        url: what was examined.
        on_check: called with each check when it is done.

    """

    url: str
    on_check: Callable[[Check], None] | None = None
    checks: list[Check] = field(default_factory=list)

    def add(self, name: str, verdict: Verdict, seen: str, advice: str = "") -> None:
        """Add a check, and report it."""
        check = Check(name, verdict, seen, advice)
        self.checks.append(check)
        if self.on_check is not None:
            self.on_check(check)

    @property
    def worst(self) -> Verdict:
        """The worst verdict."""
        verdicts = {check.verdict for check in self.checks}
        if "failure" in verdicts:
            return "failure"
        return "warning" if "warning" in verdicts else "ok"

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "url": self.url,
            "worst": self.worst,
            "checks": [asdict(check) for check in self.checks],
        }
