"""Calls numbers, and tells of those that were not reached: python -m reminder NUMBER...

The handler tells of the others. OPERATOR_URL and OPERATOR_TOKEN say where calls are started.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .webhook import tell

OPERATOR = os.environ.get("OPERATOR_URL", "http://127.0.0.1:8002")
RING_SECONDS = 30
LONGEST_SECONDS = 120
AT_ONCE = 20
"""Calls that go on at the same time; ncco-service starts them at the platform's pace."""


def main(numbers: list[str]) -> int:
    """Call all of them; return the exit status: 1 if a call could not be placed."""
    if not numbers:
        print("usage: python -m reminder NUMBER...", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(AT_ONCE) as calling:
        return int(not all(list(calling.map(remind, numbers))))


def remind(number: str) -> bool:
    """Call one number, and wait until the call is over; return whether it was placed."""
    wanted = {
        "to": number,
        "machine_detection": "beep",
        "ring_seconds": RING_SECONDS,
        "longest_seconds": LONGEST_SECONDS,
    }
    try:
        name = ask("POST", "/calls", wanted)["call"]
        call: dict[str, Any] = {"over": False}
        deadline = time.monotonic() + RING_SECONDS + LONGEST_SECONDS
        while not call["over"] and time.monotonic() < deadline:
            time.sleep(0.5)
            call = ask("GET", f"/calls/{name}")
    except urllib.error.HTTPError as error:
        print(f"{number}: {said_by(error)}", file=sys.stderr)
        return False
    except (ValueError, KeyError, TypeError):
        print(f"{number}: {OPERATOR} is not ncco-service; set OPERATOR_URL", file=sys.stderr)
        return False
    except OSError as error:
        print(f"{number}: {error}; is ncco-service there? ({OPERATOR})", file=sys.stderr)
        return False
    status = call["person"]["status"]
    print(f"{number} {status}", flush=True)
    answered = {event["leg"] for event in call["events"] if event.get("status") == "answered"}
    if "socket" not in answered:  # no handler was there to tell
        try:
            tell(number, name, "failed" if "person" in answered else status)
        except OSError as error:
            print(f"{number}: the webhook failed: {error}", file=sys.stderr)
    return True


def ask(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send a request to the operator's interface; return its answer."""
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("OPERATOR_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(OPERATOR + path, data, headers, method=method)  # noqa: S310 - the operator's own setting
    with urllib.request.urlopen(request, timeout=45) as reply:  # noqa: S310 - as above
        return json.load(reply)


def said_by(error: urllib.error.HTTPError) -> str:
    """Return what a refusal says, in the words of ncco-service where they are its own."""
    try:
        problem = json.load(error)
        return f"{problem['message']}; {problem['hint']}"
    except (ValueError, KeyError, TypeError):
        return f"{OPERATOR} answers {error.code}; set OPERATOR_URL to ncco-service's operator port"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
