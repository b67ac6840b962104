"""Playback: audio of any source, cut into frames and sent at the right pace.

Public: `Playback` (of one call), `PlaybackHandle` (of one sound), `Audio` (what can be played),
the errors `AudioError`, `MissingExtra`, `CallEnded`, and the module `wav`.
"""

from . import wav
from .playback import CallEnded, Playback, PlaybackHandle
from .resample import MissingExtra
from .samples import AudioError
from .sources import Audio

__all__ = ["Audio", "AudioError", "CallEnded", "MissingExtra", "Playback", "PlaybackHandle", "wav"]
