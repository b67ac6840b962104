"""Sound: files, tones, voices, alignment of what came back with what was sent, recognition.

Public: everything that is named here.
"""

from phone.audio.align import Alignment, align
from phone.audio.files import AudioError, Samples, Voice, load, resampled, save, to_samples
from phone.audio.recognition import is_loud, recognise
from phone.audio.tones import glide

__all__ = [
    "Alignment",
    "AudioError",
    "Samples",
    "Voice",
    "align",
    "glide",
    "is_loud",
    "load",
    "recognise",
    "resampled",
    "save",
    "to_samples",
]
