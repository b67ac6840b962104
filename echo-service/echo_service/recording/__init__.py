"""Recording: both directions of a call as the two channels of one WAV file.

Public: `Recorder`, `Recording`.
"""

from .recorder import Recorder
from .recording import Recording

__all__ = ["Recorder", "Recording"]
