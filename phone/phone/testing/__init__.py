"""Tests of applications: calls and networks controlled step by step, fixtures, a fake application.

Public: `LiveCall` calls an application, `LiveNetwork` is a network with `LivePerson`s; both are
blocking, and say `Heard` or `CallFailed`. `FakeApplication` is an application to call, with an
`Answer` and a `Socket` of its own, and the sockets that go wrong on purpose. The fixtures are in
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
