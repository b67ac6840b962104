"""Music for somebody who waits: on hold, and while the other side rings."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from phone.audio.files import AudioError, Samples, decode_stream
from phone.constants import CONNECT_TIMEOUT, EVENT_TIMEOUT, PLATFORM_RATE, STREAM_MAX_BYTES
from phone.platform.leg import Leg
from phone.platform.webhooks.client import Timeouts
from phone.platform.webhooks.exchange import WebhookError

__all__ = ["DOWNLOAD", "FORMATS", "fetch_music", "ringback"]

# Not published: how long the platform waits for a file. As long as for an event.
DOWNLOAD = Timeouts(CONNECT_TIMEOUT, EVENT_TIMEOUT)
FORMATS = "give an MP3, or a WAV file of 16 bit"


async def fetch_music(leg: Leg, url: str, what: str) -> Samples | None:
    """Return a file at `PLATFORM_RATE`; None, and a warning, when it cannot be played.

    Args:
        leg: whose call it is.
        url: of an MP3 or a WAV file.
        what: the music, for the warning.

    """
    try:
        data = await leg.call.webhooks.download(url, DOWNLOAD, STREAM_MAX_BYTES)
        music, _ = await asyncio.to_thread(decode_stream, data, PLATFORM_RATE)
    except (WebhookError, AudioError) as error:
        leg.call.problem("stream", f"{what} from {url}: {error}", FORMATS, "warning")
        return None
    return music


@contextlib.asynccontextmanager
async def ringback(leg: Leg, url: str | None) -> AsyncIterator[None]:
    """Play a tone to a leg again and again meanwhile, unless everything happens at once.

    Args:
        leg: who hears it.
        url: of the tone's file; None: there is none.

    """
    if url is None or leg.call.behaviour.talk == "at-once":
        yield
        return
    playing = asyncio.create_task(_play(leg, url), name="ringback")
    try:
        yield
    finally:
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        leg.member.playout.stop()


async def _play(leg: Leg, url: str) -> None:
    tone = await fetch_music(leg, url, "the ringback tone")
    if tone is not None:
        leg.member.playout.play(tone, loops=True)
