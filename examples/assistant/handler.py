"""The audio handler: AUDIO_HANDLER=assistant.handler:assistant

Settings are read once, when the service starts: see `settings`.
"""

from __future__ import annotations

from echo_service.handlers import AudioCall

from . import settings, tools
from .conversation import Conversation

__all__ = ["Assistant", "assistant"]


class Assistant:
    """Handles calls by a model.

    Args:
        chosen: settings of the assistant.

    Raises:
        SettingsError: a function of the user's own cannot be used.

    """

    def __init__(self, chosen: settings.Settings) -> None:
        self._settings = chosen
        self._tools_of = tools.load(chosen)

    async def __call__(self, call: AudioCall) -> None:
        """Talk with one caller."""
        await Conversation(call, self._settings, self._tools_of(call.id)).run()


assistant = Assistant(settings.load())
