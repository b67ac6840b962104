"""Each image as each host runs it, with a call; and what the hosts' files promise."""

from __future__ import annotations

import echo_service.settings
import pytest

from tests.deploy.hosted import Hosted
from tests.deploy.hosts import HOSTS, placement
from tests.engine import docker
from tests.placing import during_a_call
from tests.waiting import pass_time, until


@pytest.mark.parametrize("host", HOSTS)
def test_a_call_goes_through_and_outlives_the_stop_signal(
    images: dict[str, str], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the host's port, user, files and rights; both end by themselves within its delay."""
    with Hosted(host, images) as hosted:
        monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", hosted.signature_secret)
        with during_a_call(hosted, "--seconds", "3") as outcome:
            hosted.ask_to_stop("echo-service")
            outcome().assert_worked()
        for service in hosted.placements:
            if service == "ncco-service":
                hosted.ask_to_stop(service)
            state = hosted.state_after(service, seconds=10)
            assert (state["ExitCode"], state["OOMKilled"]) == (0, False)


def test_a_cut_socket_is_connected_again(
    images: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no replica can be asked how a call ended, a cut is an accident: Cloud Run's hour."""
    with Hosted("cloud-run", images) as hosted:
        monkeypatch.setenv("VONAGE_SIGNATURE_SECRET", hosted.signature_secret)
        with during_a_call(hosted, "--seconds", "60") as outcome:
            docker("restart", "--signal", "KILL", hosted.container("echo-service"))
            until(lambda: hosted.logs("echo-service").count("call_started") == 2, "the second")
            pass_time(1.5)
            ended = outcome(hang_up=True)
    assert ended.report["ok"], ended.words
    (move,) = ended.report["moves"]
    assert (move["close_code"], move["same_call"]) == (1006, True)


@pytest.mark.parametrize("host", HOSTS)
def test_the_drain_is_shorter_than_the_patience(host: str) -> None:
    """Drain and moves end before the host would kill, and webhooks under way get their 10 s."""
    echo, ncco = placement(host, "echo-service"), placement(host, "ncco-service")
    defaults = {each.name: each.default for each in echo_service.settings.VARIABLES}
    env = {**defaults, **echo.env}
    assert 0 < float(env["DRAIN_SECONDS"]) + float(env["MOVE_SECONDS"]) + 1 < echo.grace
    assert ncco.grace >= 10
