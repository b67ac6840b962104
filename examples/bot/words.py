"""Understands a handful of phrases, with PocketSphinx. Blocks: for use in a thread.

A grammar of a few phrases is what it is good at: it takes a twentieth of a second. For free
speech it is not: see the example transcription.
"""

from __future__ import annotations

import threading
from pathlib import Path

from pocketsphinx import Decoder  # type: ignore[import-untyped]  # published without types

__all__ = ["RATE", "understand"]

RATE = 16000
"""Hz: what the model was trained on."""

SURE = 0.55
"""The score from which something was understood; other words than these score less."""

# Loaded when the service starts. One for all calls: it is quick, and keeps its place in a phrase.
_decoder = Decoder(
    samprate=RATE, lm=None, jsgf=str(Path(__file__).parent / "words.gram"), loglevel="FATAL"
)
_one_at_a_time = threading.Lock()


def understand(pcm: bytes) -> str | None:
    """Return which phrase of the grammar was said; None if it was none of them.

    Args:
        pcm: 16-bit little-endian, of `RATE` Hz.

    """
    with _one_at_a_time:
        _decoder.start_utt()
        _decoder.process_raw(pcm, full_utt=True)
        _decoder.end_utt()
        found = _decoder.hyp()
    return found.hypstr.strip() or None if found and found.score > SURE else None
