"""docs/scaling.md says what the bench measured, and what follows from it."""

from __future__ import annotations

import re

import pytest

from bench import record
from bench.peers.catalogue import OURS
from tests import kept_runs
from tests.attempts import ATTEMPTS
from tests.compose import ROOT
from tests.deploy.hosted import Hosted
from tests.deploy.scaling import (
    FIGURES,
    PLANNED,
    REQUESTS_PER_CALL,
    erlang_b,
    simulated_loss,
    table,
)
from tests.engine import docker
from tests.placing import during_a_call

RESULTS = ROOT / "bench/results"
PAGE = (ROOT / "docs/scaling.md").read_text()
TEXT = re.sub(r"\s+", " ", PAGE)
LOOK = """
import re, urllib.request
metrics = urllib.request.urlopen("http://127.0.0.1:9001/metrics").read().decode()
line = next(x for x in open("/proc/net/dev") if "eth0" in x)
print(line.split(":")[1].split()[0], re.search(r'frames_total{direction="in"} (\\S+)', metrics)[1])
"""


def test_the_table_is_the_arithmetic() -> None:
    """`python -m tests.deploy.scaling` prints the table as it stands in the page."""
    assert table() in PAGE


def test_figures_are_the_benchs() -> None:
    """The page quotes the medians of the bench's files."""
    cost = FIGURES["gateway's cost"]
    soak = record.read(RESULTS / f"{kept_runs.SOAK}.json")["figures"][OURS]
    two = record.read(RESULTS / f"{kept_runs.SERVERS}.json")["replicas"]
    for text in (
        f"one core of echo-service holds | {FIGURES['calls a core']:,.0f} |",
        f"memory of a call in echo-service | {FIGURES['KiB a call']:.1f} KiB |",
        f"signed, one core | {FIGURES['answers a second']:,.0f} |",
        f"for a frame and its echo | {cost:.1f} times",
        f"the same for ten minutes | {soak['calls'][0]:,} | {soak['cpu_share'][0]:.0%} of a core",
        f"{soak['late'][0] / soak['frames'][0]:.2%} of the frames",
        f"its load | {two['two'] / two['one']:.2f} times | {two['two']:,.0f} and {two['one']:,.0f}",
        f"which open {FIGURES['handshakes a second']:,.0f} a second (measured, with tickets)",
        f"on Ethernet, without TLS | {FIGURES['bytes a frame']:.0f} |",
    ):
        assert text.replace("%", " %") in TEXT


def test_the_plan_is_the_autoscalers() -> None:
    """The page plans with as many calls a replica as the autoscaler."""
    scaled = ROOT / "deploy/kubernetes/components/autoscaling/echo-service.yaml"
    assert f'threshold: "{PLANNED}"' in scaled.read_text()
    assert f"Planned with {PLANNED} calls a replica" in TEXT


@pytest.mark.parametrize("offered", [600, 800, 900, 950, 1000])
def test_callers_turned_away(offered: int) -> None:
    """The page has the loss that the formula gives, and a simulation of random placement agrees."""
    loss = erlang_b(offered, 1000)
    assert f"| {offered:,} | {loss:.2%}".replace("%", " %") in PAGE
    simulated = simulated_loss(offered, 1000, replicas=20, seed=1)
    assert simulated == pytest.approx(loss, abs=0.003)


def test_what_a_call_costs(images: dict[str, str]) -> None:
    """Its webhooks, and what its packets weigh on the wire, at the container's interface."""

    def received() -> tuple[int, int]:
        """Return bytes that the interface has taken, and frames that the service has."""
        seen = docker("exec", hosted.container("echo-service"), "python", "-c", LOOK).split()
        return int(seen[0]), int(float(seen[1]))

    with Hosted("render", images) as hosted, pytest.MonkeyPatch.context() as patch:
        patch.setenv("VONAGE_SIGNATURE_SECRET", hosted.signature_secret)
        weights: list[float] = []
        wanted = pytest.approx(FIGURES["bytes a frame"], rel=0.05)
        with during_a_call(hosted, "--seconds", "120") as outcome:
            # A machine that freezes sends two frames in a packet, but not each time.
            while len(weights) < ATTEMPTS and wanted not in weights:
                before = after = received()
                while (frames := after[1] - before[1]) < 100:
                    after = received()
                weights.append((after[0] - before[0]) / frames)
            ended = outcome(hang_up=True)
    assert ended.report["ok"], ended.report["problems"]
    assert 1 + len(ended.report["events"]) == REQUESTS_PER_CALL
    assert wanted in weights, weights
