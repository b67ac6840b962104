"""Faults on demand: ways in which a line, or another platform version, may be worse than
usual.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

__all__ = ["FAULTS", "FaultError", "Faults"]


class FaultError(ValueError):
    """An unknown fault, or a value that it does not take."""


@dataclass(frozen=True)
class Faults:
    """What goes wrong on purpose; nothing by default.

    Args:
        jitter: ms; each frame leaves up to so much late.
        stall: seconds in mid-call without a frame; those due follow at once.
        drop: seconds after which the connection is lost, without a close.
        move: seconds after which the call's first socket is closed with 1012, as an application
            does that restarts; the platform then asks it how to go on.
        late_close: seconds between the hang-up and the closing handshake.
        no_close: 1: the connection ends without a closing handshake.
        leading_space: 1: the first message starts with a space (seen on the old platform).
        key_order: 1: its `content-type` comes last (seen on the old platform).
        early_audio: frames sent before the first message.
        slow_reader: ms to wait before each message is read.
        odd_frames: every so many frames, one is cut in half.

    """

    jitter: float = 0.0
    stall: float = 0.0
    drop: float = 0.0
    move: float = 0.0
    late_close: float = 0.0
    no_close: float = 0.0
    leading_space: float = 0.0
    key_order: float = 0.0
    early_audio: float = 0.0
    slow_reader: float = 0.0
    odd_frames: float = 0.0

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Faults":
        """Return the faults of texts such as "jitter=20" or "drop".

        Raises:
            FaultError: an unknown name, or a value that is no positive number up to 600.

        """
        faults = cls()
        for text in texts:
            name, _, value = text.partition("=")
            key = name.strip().replace("-", "_")
            if name.strip() not in FAULTS:
                raise FaultError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
            try:
                number = float(value) if value else FAULTS[name.strip()]
            except ValueError:
                number = -1.0
            if not 0 < number <= 600:
                raise FaultError(
                    f"{text!r}: give a number above 0, such as {name}={_example(name)}"
                )
            faults = replace(faults, **{key: number})
        return faults


# The names on the command line, and the value of each that is named without one.
_DEFAULTS = {
    "jitter": 15.0,
    "stall": 1.0,
    "drop": 1.0,
    "move": 1.0,
    "late_close": 2.0,
    "early_audio": 5.0,
    "slow_reader": 40.0,
    "odd_frames": 10.0,
}
FAULTS: dict[str, float] = {
    field.name.replace("_", "-"): _DEFAULTS.get(field.name, 1.0) for field in fields(Faults)
}


def _example(name: str) -> str:
    return f"{FAULTS[name.strip()]:g}"
