"""A recording of a conversation, as `record` makes it."""

import io
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import soundfile

from phone.audio.tape import LONGEST_SECONDS, Tape
from phone.constants import PLATFORM_RATE
from phone.platform.webhooks.events import timestamp

__all__ = ["FORMATS", "Recording"]

# Media types of what the NCCO may ask for (NCCO reference, record).
FORMATS = {"mp3": "audio/mpeg", "wav": "audio/wav", "ogg": "audio/ogg"}
_SOUNDFILE = {"mp3": ("MP3", None), "wav": ("WAV", "PCM_16"), "ogg": ("OGG", "VORBIS")}


@dataclass
class Recording:
    """What is heard in a conversation from `start` to `finish`.

    Args:
        format: "mp3", "wav" or "ogg".
        tape: what was heard.
        uuid: its `recording_uuid`.

    """

    format: str = "mp3"
    tape: Tape = field(default_factory=lambda: Tape(LONGEST_SECONDS))
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    end: datetime | None = None
    data: bytes = b""

    def finish(self) -> None:
        """Encode what was heard; takes a moment, so call it in a thread."""
        self.end = datetime.now(UTC)
        target = io.BytesIO()
        kind, subtype = _SOUNDFILE[self.format]
        samples = self.tape.samples(PLATFORM_RATE)
        soundfile.write(target, samples, PLATFORM_RATE, format=kind, subtype=subtype)
        self.data = target.getvalue()
        self.tape.erase()

    def event(self, url: str, conversation_uuid: str) -> dict[str, Any]:
        """Return the event about the recording (Webhook reference, record)."""
        return {
            "start_time": timestamp(self.start),
            "recording_url": url,
            "size": len(self.data),
            "recording_uuid": self.uuid,
            "end_time": timestamp(self.end),
            "conversation_uuid": conversation_uuid,
            "timestamp": timestamp(),
        }
