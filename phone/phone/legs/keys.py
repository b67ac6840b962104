"""Keys pressed on a telephone, and when."""

from dataclasses import dataclass

from phone.constants import CONNECT_LIMIT_SECONDS, KEYS

__all__ = ["Key", "parse_keys"]


@dataclass(frozen=True)
class Key:
    """A key press.

    Args:
        digit: one of `0123456789*#`.
        at: seconds after the first frame.

    """

    digit: str
    at: float


def parse_keys(text: str, seconds: float) -> list[Key]:
    """Return the keys to press in `seconds`: "12#" spread evenly, "1@0.5,#@2" at those times.

    Raises:
        ValueError: something that is no key, or no time.

    """
    if "@" not in text:
        for digit in text:
            _check(digit)
        gap = seconds / (len(text) + 1)
        return [Key(digit, gap * (number + 1)) for number, digit in enumerate(text)]
    keys = []
    for item in text.split(","):
        digit, _, time = item.strip().partition("@")
        _check(digit)
        try:
            at = float(time)
        except ValueError:
            at = -1.0
        if not 0 <= at <= CONNECT_LIMIT_SECONDS:
            raise ValueError(f"dtmf has {item!r}; write a key and its second, such as 1@0.5")
        keys.append(Key(digit, at))
    return keys


def _check(digit: str) -> None:
    if len(digit) != 1 or digit not in KEYS:
        raise ValueError(f"dtmf has {digit!r}; the keys are {KEYS}")
