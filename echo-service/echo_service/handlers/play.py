"""Play handler: plays a WAV file. An example of `AudioCall.play`."""

from __future__ import annotations

from pathlib import Path

from .audio_call import AudioCall

__all__ = ["Play"]


class Play:
    """Plays a file once; the call continues in silence until the caller hangs up.

    Args:
        file: WAV of 16-bit PCM; a rate other than the call's needs `echo-service[audio]`.

    """

    def __init__(self, file: Path) -> None:
        self._file = file

    async def __call__(self, call: AudioCall) -> None:
        """Play the file."""
        await call.play(self._file)
        async for _ in call:
            pass
