"""Tells the mood of what the caller says: AUDIO_HANDLER=sentiment.handler:sentiment

Each phrase is posted to SENTIMENT_WEBHOOK, where that is set, and the mood is shown with the live
calls.
"""

from __future__ import annotations

import json
import os
import urllib.request

from echo_service.handlers import AudioCall
from echo_service.logs import get_logger
from transcription.handler import words_of
from vaderSentiment.vaderSentiment import (  # type: ignore[import-untyped]  # without types
    SentimentIntensityAnalyzer,
)

__all__ = ["sentiment"]

logger = get_logger(__name__)

WEBHOOK = os.environ.get("SENTIMENT_WEBHOOK", "")
WEBHOOK_SECONDS = 5.0

_moods = SentimentIntensityAnalyzer()


async def sentiment(call: AudioCall) -> None:
    """Score each phrase from -1 (bad) to 1 (good), and the call by all that was said."""
    said: list[str] = []
    async for at, words in words_of(call):
        said = [*said, words][-100:]
        mood = _moods.polarity_scores(words)["compound"]
        overall = _moods.polarity_scores(" ".join(said))["compound"]
        call.note(mood=mood, mood_overall=overall)
        logger.info("mood", call=call.id, at=at, mood=mood, overall=overall, words=words)
        if WEBHOOK:
            fact = {"call": call.id, "at": round(at, 2), "words": words, "mood": mood}
            try:
                await call.in_thread(post, {**fact, "mood_overall": overall})
            except OSError as error:
                logger.warning("webhook_failed", call=call.id, error=error)


def post(fact: dict[str, object]) -> None:
    """Send one event. Blocks: for use in a thread."""
    request = urllib.request.Request(  # noqa: S310 - the address is the operator's own setting
        WEBHOOK, json.dumps(fact).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=WEBHOOK_SECONDS):  # noqa: S310 - as above
        pass
