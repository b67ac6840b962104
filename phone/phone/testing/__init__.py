"""Tests of applications: calls and networks controlled step by step, fixtures, a fake application.

Public: `LiveCall` calls an application, `LiveNetwork` is a network with `LivePerson`s; both are
blocking, and say `Heard` or `CallFailed`. `FakeApplication` is an application to call, correct or
wrong on purpose: with an `Answer` and a `Socket` of its own, such as `echo`, `every`, `says`,
`delays`, `loses_every`, `closes_after`; `json_of` reads its texts. The fixtures are in
`pytest_plugin`.
"""

from phone.testing.application import (
    Answer,
    FakeApplication,
    Socket,
    closes_after,
    delays,
    echo,
    every,
    json_of,
    loses_every,
    says,
)
from phone.testing.live import CallFailed, Heard, LiveCall
from phone.testing.live_network import LiveNetwork, LivePerson

__all__ = [
    "Answer",
    "CallFailed",
    "FakeApplication",
    "Heard",
    "LiveCall",
    "LiveNetwork",
    "LivePerson",
    "Socket",
    "closes_after",
    "delays",
    "echo",
    "every",
    "json_of",
    "loses_every",
    "says",
]
