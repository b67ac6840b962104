"""Where the gateway is, and what passes it."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bench.capacity import Outcome
from bench.gateway import Hop, hop_from, judged
from bench.load import Report, Times

TIMES = {"count": 250, "p50": 1, "p99": 5, "p999": 9, "max": 9}
COUNTS = ("skipped", "corrupted", "reordered", "texts", "bytes_sent", "handshakes",
          "late", "frames_sent", "frames_back", "cpu_seconds")  # fmt: skip
REPORT = Report.from_json(
    json.dumps(
        {
            **dict.fromkeys(COUNTS, 0),
            **dict.fromkeys(("delay_ms", "handshake_ms"), TIMES),
            "lag_ms": {**TIMES, "p99": 30, "p999": 30, "max": 30},
            "mode": "paced",
            "calls": 1,
            "depth": 1,
            "seconds": 5,
            "sent": 250,
            "echoed": 250,
            "windows": [],
            "failure": None,
        }
    )
)


def test_a_gateway_is_an_address_and_a_port() -> None:
    """Names are looked up, since the load generator takes addresses."""
    assert hop_from("http://127.0.0.1:8080") == Hop("127.0.0.1", 8080)
    assert hop_from("ws://localhost") == Hop("127.0.0.1", 80)


@pytest.mark.parametrize("url", ["https://127.0.0.1", "127.0.0.1:8080", "http://"])
def test_what_cannot_be_called_is_refused(url: str) -> None:
    """The load generator speaks no TLS."""
    with pytest.raises(ValueError, match=r"give one like http://127.0.0.1:8080"):
        hop_from(url)


@pytest.mark.parametrize(
    ("changes", "stolen", "outcome"),
    [
        ({}, 1.0, Outcome.HELD),
        ({"late": 1}, 0.01, Outcome.FAILED),
        ({"late": 1}, 0.1, Outcome.VOID),
        ({"failure": "the peer hung up"}, 0.0, Outcome.FAILED),
        ({"delay_ms": Times(250, 1, 21, 30, 40)}, 0.0, Outcome.FAILED),
    ],
)
def test_only_the_hypervisor_makes_a_trial_void(
    changes: dict[str, object], stolen: float, outcome: Outcome
) -> None:
    """A generator that was late shares its cores with what it measures."""
    report = dataclasses.replace(REPORT, **changes)  # type: ignore[arg-type]  # of several types
    assert judged(report, stolen) is outcome
