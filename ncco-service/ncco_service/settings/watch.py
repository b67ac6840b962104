"""Watch on the file of settings: when it appears or changes, the service starts again.

The settings are read once, by several parts and before the ports are opened. After a reboot the
simulated network may write its settings only when this service runs already.
"""

import os
import signal
from pathlib import Path

import structlog

__all__ = ["SettingsWatch", "restart_is_wanted"]

logger = structlog.get_logger()

POLL_SECONDS = 2.0

_READ, _WRITE = os.pipe()  # from the worker to gunicorn's arbiter, from which it is forked
os.set_blocking(_READ, False)


def restart_is_wanted() -> bool:
    """Return whether the worker that has stopped asked for a start with new settings."""
    try:
        return bool(os.read(_READ, 1))
    except BlockingIOError:
        return False


class SettingsWatch:
    """Stops the service when the file of settings holds others. `poll` is a background job.

    Args:
        file: of settings; it need not exist yet.

    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen = self._text()

    def poll(self) -> float:
        """Read the file once, in the worker; return the seconds until the next time."""
        now = self._text()
        if now is not None and now != self._seen:  # without the file, it goes on as it is
            self._seen = now
            logger.warning(
                "settings_changed",
                message=f"SETTINGS_FILE {self._file} has other settings now: starting again",
            )
            os.write(_WRITE, b"!")
            os.kill(os.getppid(), signal.SIGTERM)
        return POLL_SECONDS

    def _text(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except OSError:
            return None
