"""Watches whether a call would work now, and says so: "ready: now call ..." or why not.

Run by docker-compose.yml beside the services. Its health is the whole stack's. It carries no call,
so Compose may restart it, and with it its health, whenever any service is replaced.

Usage: ready.py           watch, once a second; one line in the log for each change
       ready.py --once    look once, print the result, end with 0 or 1

Environment: ECHO_READY_URL, NCCO_READY_URL, GATEWAY (host:port), GATEWAY_PORT (on this machine).
"""

import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STATUS = Path("/tmp/status")  # noqa: S108  (a tmpfs of the container's own; its health check reads it)
INTERVAL = 1.0  # seconds between two looks
TIMEOUT = 2.0  # seconds that a service has to answer
# Seconds in which a service that is not there yet is no news.
PATIENCE = 20.0


def look() -> tuple[bool, str]:
    """Ask both services and the gateway once.

    Returns:
        Whether a call would work now, and one line: where to call, or all that is in the way.

    """
    echo, _ = readiness("echo-service", os.environ["ECHO_READY_URL"])
    ncco, told = readiness("ncco-service", os.environ["NCCO_READY_URL"])
    if echo:  # ncco-service asks it, too
        ncco = [reason for reason in ncco if "the echo service is" not in reason]
    if any("tunnel" in reason for reason in ncco):
        ncco.append("docker compose logs ngrok")
    reasons = [*echo, *gateway(), *ncco]
    if reasons:
        return False, "not ready: " + "; ".join(dict.fromkeys(reasons))
    return True, f"ready: now call {where(told)}"


def readiness(service: str, url: str) -> tuple[list[str], dict[str, Any]]:
    """Return why a service is not ready, if it is not, and all that it said."""
    # A name that ncco-service takes for a caller on this machine.
    request = urllib.request.Request(url, headers={"Host": "localhost:8080"})  # noqa: S310  (http)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return [], said(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            answered = said(error.read())
        reasons = answered.get("reasons") or [answered.get("status") or f"status {error.code}"]
        return [f"{service}: {reason}" for reason in reasons], answered
    except OSError:
        return [f"{service} does not answer: docker compose logs {service}"], {}


def said(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a body, or an empty one."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def gateway() -> list[str]:
    """Return why the gateway takes no connection, if so. A request would be a line in its log."""
    host, _, port = os.environ["GATEWAY"].partition(":")
    try:
        socket.create_connection((host, int(port)), TIMEOUT).close()
    except OSError:
        return ["gateway takes no connection: docker compose logs gateway"]
    return []


def where(told: dict[str, Any]) -> str:
    """Return what to call, by what ncco-service says of its public address."""
    events = str((told.get("events") or {}).get("url"))
    trial = "docker compose run --rm phone call"
    if not events.startswith("https://"):
        return f"http://localhost:{os.environ['GATEWAY_PORT']}/webhooks/answer ({trial})"
    answer = events.removesuffix("/events") + "/answer"
    return (
        f"the number of your Vonage application, with answer_url={answer} event_url={events}; or, "
        f"without a telephone, {trial}"
    )


def watch() -> None:
    """Look again and again; never returns."""
    begin, was = time.monotonic(), ""
    while True:
        ready, line = look()
        new = STATUS.with_suffix(".new")
        new.write_text(line + "\n")
        new.replace(STATUS)
        patient = not was and time.monotonic() - begin < PATIENCE
        if line != was and (ready or not patient):
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            print(now, "INFO" if ready else "WARNING", line, flush=True)
            was = line
        time.sleep(INTERVAL)


def main() -> None:
    """Run as the arguments say."""
    if "--once" in sys.argv[1:]:
        ready, line = look()
        print(line)
        sys.exit(not ready)
    watch()


if __name__ == "__main__":
    main()
