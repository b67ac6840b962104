"""The simulated platform's application, pointed to the stack by itself, and called."""

from __future__ import annotations

from phone.platform.registration import Registration
from phone.testing.live_network import LiveNetwork

from tests.engine import free_port
from tests.waiting import until
from tools.processes import ProcessStack

NUMBER, CALLER = "447700900456", "447700900123"
SECRET = "an-api-secret"


def test_the_application_points_here_by_itself() -> None:
    """Nothing is pasted: the service writes its addresses, and the next call reaches it."""
    registration = Registration(api_key="abcd1234", api_secret=SECRET, numbers=(NUMBER,))
    port = free_port()
    with LiveNetwork(registration=registration, talk="at-once") as network:
        settings = {
            "PORT": str(port),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "VONAGE_API_URL": network.url,
            "VONAGE_APPLICATION_ID": registration.id,
            "VONAGE_API_KEY": "abcd1234",
            "VONAGE_API_SECRET": SECRET,
        }
        with ProcessStack({"ncco-service": settings}) as stack:
            until(
                lambda: " application_updated " in stack.logs("ncco-service"),
                "the application to be pointed here",
            )
            caller = network.dial(NUMBER, caller=CALLER)
            caller.say("tone")
            assert caller.heard("tone", within=60)
            caller.hang_up()
            log = stack.logs("ncco-service")
    assert f'answer_url="nothing -> http://127.0.0.1:{port}/webhooks/answer"' in log
    assert SECRET not in log
