"""Keys by which ncco-service tells a call's handler what happened to the person called. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..protocol import Answered, Dtmf, Machine

__all__ = ["Signals"]


class Signals:
    """Distinguishes such keys from those that the person presses.

    The first message of a call that ncco-service has started names them (docs/wire.md):
    `answered_key` counts once, `machine_key` once for a machine and once more for its beep. In
    other calls all keys are the caller's.

    Args:
        metadata: the NCCO's headers.

    """

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        self._answered = metadata.get("answered_key")
        self._machine = metadata.get("machine_key")
        self._machine_told = False

    def read(self, key: Dtmf) -> Dtmf | Answered | Machine:
        """Return what a key means."""
        if key.digit == self._answered:
            self._answered = None
            return Answered()
        if key.digit == self._machine:
            if self._machine_told:
                self._machine = None
            beep, self._machine_told = self._machine_told, True
            return Machine(beep)
        return key
