"""Sound: files, tones, voices, alignment of received with sent audio, recognition.

Public: `align` (matches frames by their bytes, `align_bytes`, or else by their sound,
`align_sound`) and its `Alignment`; `load`, `save`, `resampled`, `to_samples` with `Samples`,
`Voice` and `AudioError` (files); `recognise` and `is_loud`; `glide` (a tone).
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
