"""Recording calls: both directions of a call as the two channels of one WAV file."""

from .folder import masked
from .recorder import Recorder
from .recording import Recording

__all__ = ["Recorder", "Recording", "masked"]
