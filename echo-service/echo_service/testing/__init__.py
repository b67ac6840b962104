"""Tests of your own audio handlers, without a server, a telephone, or waiting.

Public: `FakeCall`, a call that follows a script (docs/audio.md), and `Played`, a frame that its
caller heard.
"""

from .fake_call import FakeCall, Played

__all__ = ["FakeCall", "Played"]
