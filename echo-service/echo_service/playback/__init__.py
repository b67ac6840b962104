"""Playing audio into a call: sources of any kind, cut into frames, paced, taken back when asked."""

from . import wav
from .queue import CallEnded, Playback, Playing
from .resample import MissingExtra
from .samples import AudioError
from .sources import Audio

__all__ = ["Audio", "AudioError", "CallEnded", "MissingExtra", "Playback", "Playing", "wav"]
