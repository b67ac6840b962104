"""The profile `network`: calls that we start, in containers, with no account."""

from __future__ import annotations

from tests.compose import ComposeStack


def test_a_call_is_placed_with_no_account() -> None:
    """Two commands: one starts the stack with a network, the other calls somebody there.

    Without the profile nothing of it is left.
    """
    with ComposeStack(start=False) as stack:
        stack.compose("--profile", "network", "up", "--wait")
        call = ("exec", "-T", "ncco-service", "python", "-m", "ncco_service", "call")
        placed = stack.run(*call, "447700900789")
        assert placed.returncode == 0, placed.stdout
        lines = placed.stdout.splitlines()
        assert lines[-1] == "a person was reached"
        assert "socket answered" in lines
        ended = [line for line in stack.logs("echo-service").splitlines() if "call_ended" in line]
        assert len(ended) == 1
        assert "reason=hang_up" in ended[0]
        placed = stack.run(*call, "447700900790")
        assert placed.stdout.splitlines()[-1] == "nobody was reached (busy)"
        assert placed.returncode == 1
        stack.compose("--profile", "network", "down")
        refused = stack.run("run", "--rm", "--no-deps", *call[2:], "447700900789")
        assert refused.returncode == 78
        assert "calls are off: set VONAGE_APPLICATION_ID" in refused.stdout
