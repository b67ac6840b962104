"""What happens to the audio of a call: the interface of audio handlers, and those built in.

Public, for your own handlers: `AudioCall`, its events (`Event`: `Connected`, `Dtmf`, `Answered`,
`Machine`, `Cleared`, `Notify`, `Other`), `PlaybackHandle`, `METRICS`, the errors `AudioError` and
`CallEnded`, and `CallFailed`, which a handler raises to end its call as failed. For the service:
`load` (by name, of `BUILT_IN` or your own), `Handler`, `HandlerError`, `HandlerRunner`,
`HandlerTask`, and `MOVED`, the reason of a call that continues in another process.
"""

from ..playback import AudioError, CallEnded, PlaybackHandle
from ..protocol import Answered, Cleared, Connected, Dtmf, Machine, Notify, Other
from .audio_call import MOVED, AudioCall, Event
from .custom_metrics import METRICS
from .handler_task import CallFailed, HandlerRunner, HandlerTask
from .loading import BUILT_IN, Handler, HandlerError, load

__all__ = [
    "BUILT_IN",
    "METRICS",
    "MOVED",
    "Answered",
    "AudioCall",
    "AudioError",
    "CallEnded",
    "CallFailed",
    "Cleared",
    "Connected",
    "Dtmf",
    "Event",
    "Handler",
    "HandlerError",
    "HandlerRunner",
    "HandlerTask",
    "Machine",
    "Notify",
    "Other",
    "PlaybackHandle",
    "load",
]
