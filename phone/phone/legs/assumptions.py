"""What the platform does and does not publish: a careful choice for each, and the others."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from phone.constants import DTMF_MILLISECONDS, HANGUP_CODE

__all__ = ["ASSUMPTIONS", "AssumptionError", "Assumptions"]

KEY_MS_MAX = 60_000


class AssumptionError(ValueError):
    """An unknown assumption, or a value that it does not take."""


@dataclass(frozen=True)
class Assumptions:
    """How the platform is taken to behave where its documentation does not say.

    Args:
        disconnected: whose reply to `disconnected` may hold an NCCO: "synchronous" connects',
            "always" any connect's.
        overflow: what a full play buffer loses: the "newest" message, or the "oldest".
        hangup_code: of the close when the caller hangs up.
        key_ms: how long a key is pressed.
        retry_jti: whether the token of a webhook's second attempt has the "same" `jti` or a "fresh"
            one.
        handshake_hash: whether a handshake's token has "none" for a `payload_hash`, or the one of
            an "empty" payload.
        connects: whether a `connect` is "counted" among the new calls of a second, or "free".

    """

    disconnected: str = "synchronous"
    overflow: str = "newest"
    hangup_code: int = HANGUP_CODE
    key_ms: int = DTMF_MILLISECONDS
    retry_jti: str = "same"
    handshake_hash: str = "none"
    connects: str = "counted"

    @classmethod
    def parse(cls, texts: Iterable[str]) -> "Assumptions":
        """Return the assumptions of texts such as "overflow=oldest".

        Raises:
            AssumptionError: an unknown name, or a value that it does not take.

        """
        changes: dict[str, Any] = {}
        for text in texts:
            name, _, value = text.partition("=")
            if name not in ASSUMPTIONS:
                known = ", ".join(ASSUMPTIONS)
                raise AssumptionError(f"there is no assumption {name!r}; there are {known}")
            allowed = ASSUMPTIONS[name]
            if allowed and value not in allowed:
                raise AssumptionError(f"{text!r}: give {name}={' or '.join(allowed)}")
            number = int(value[:9]) if value.isascii() and value.isdigit() else None
            if not allowed and not 0 < (number or 0) <= KEY_MS_MAX:
                raise AssumptionError(f"{text!r}: give 1 to {KEY_MS_MAX}, such as {name}=130")
            changes[name.replace("-", "_")] = value if number is None else number
        return replace(cls(), **changes)


# The names on the command line, and what each may be; the careful choice first. Empty: any number.
ASSUMPTIONS: dict[str, tuple[str, ...]] = {
    "disconnected": ("synchronous", "always"),
    "overflow": ("newest", "oldest"),
    "hangup-code": ("1000", "1001"),
    "key-ms": (),
    "retry-jti": ("same", "fresh"),
    "handshake-hash": ("none", "empty"),
    "connects": ("counted", "free"),
}
