"""State that all pages share: the network with its meetings, numbers, and ended calls."""

import shutil
from dataclasses import dataclass, field
from itertools import count

from phone.audio.voices import PROGRAMS
from phone.constants import TalkMode
from phone.platform.network import Network
from phone.web.past_calls import PastCalls
from phone.web.settings import SoftphoneSettings

__all__ = ["Switchboard", "talk_mode"]

# Ofcom keeps 07700 900000 to 900999 free for films and examples; the first two are `phone call`'s.
FIRST_NUMBER = 447700900100


def talk_mode() -> TalkMode:
    """Return how `talk` passes: aloud where there is a voice, else the page's browser speaks."""
    return "aloud" if any(map(shutil.which, PROGRAMS)) else "realtime"


@dataclass
class Switchboard:
    """State that all pages share.

    Args:
        settings: of the softphone.
        network: in which their calls run.
        talk: how `talk` passes in them.
        past: the calls that are over.

    """

    settings: SoftphoneSettings
    network: Network
    talk: TalkMode
    past: PastCalls = field(default_factory=PastCalls)
    _numbers: "count[int]" = field(default_factory=lambda: count(FIRST_NUMBER))

    def free_number(self) -> str:
        """Return a number that no page has."""
        return next(str(n) for n in self._numbers if str(n) not in self.network.switch.held)
