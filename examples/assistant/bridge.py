"""Bridge: the parts of one conversation that both of its sides use."""

from __future__ import annotations

from dataclasses import dataclass

from echo_service.handlers import AudioCall

from .connection import Connection
from .downlink import Downlink
from .execution import Executor
from .playout import Playout
from .settings import Settings
from .tasks import Tasks
from .telemetry import Telemetry
from .turns import Turns

__all__ = ["Bridge"]


@dataclass(frozen=True)
class Bridge:
    """What stands between a caller and the model."""

    call: AudioCall
    settings: Settings
    connection: Connection
    """To the model's server."""
    playout: Playout
    """What the caller hears."""
    downlink: Downlink
    """The model's audio, on its way to the playout."""
    turns: Turns
    """Decide what follows from what happens."""
    executor: Executor
    """Does what they decide."""
    telemetry: Telemetry
    tasks: Tasks
