"""`python -m ncco_service call NUMBER`: a client of the operator's interface."""

import argparse
import json
import os
import signal
import sys
import threading
import time
import uuid
from typing import Any

from ncco_service.http.fetch import FetchError, send
from ncco_service.settings import Settings, SettingsError

__all__ = ["add_parser", "run"]

# Exit statuses; those over 63 are from sysexits.h.
REACHED, NOT_REACHED, EX_UNAVAILABLE, EX_CONFIG = 0, 1, 69, 78
POLL_SECONDS = 0.25
PLACING_SECONDS = 45.0
ASKING_SECONDS = 20.0
MOST_FAILURES = 20  # requests for the call's state that fail in a row

_UNUSABLE = (ValueError, KeyError, TypeError)  # an answer that is not JSON, or has other fields


class _Refused(Exception):
    """The service refused; the message is its own."""


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the command line."""
    call = commands.add_parser(
        "call",
        help="call a number, through the service that is running",
        description="Calls a number and tells what happens. Ctrl-C hangs up. Exit status: 0 if a "
        "person was reached, 1 if not, 2 for wrong usage, 69 if the service or the platform "
        "refused or is not there, 78 if a setting is wrong.",
    )
    call.add_argument("number", help="7 to 15 digits with the country code, without +")
    call.add_argument("--from", dest="caller", metavar="NUMBER", help="default: VONAGE_NUMBER")
    call.add_argument("--socket-first", action="store_true", help="open the socket before it rings")
    call.add_argument("--meeting", metavar="NAME", help="lead the person into this room")
    call.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="K=V",
        type=_header,
        help="tell the socket, in its first message; again for more",
    )
    call.add_argument(
        "--machine-detection",
        choices=("continue", "hangup", "beep"),
        help="tell machines from people; hang up on one, or tell of its beep too",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; return the exit status."""
    try:
        settings = Settings.from_env(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return EX_CONFIG
    if settings.vonage_private_key is None:
        print(
            "calls are off: set VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY or "
            "VONAGE_PRIVATE_KEY_FILE, here and for the service (docs/outbound.md)",
            file=sys.stderr,
        )
        return EX_CONFIG
    caller = _Caller(settings)
    try:
        return caller.call(_wanted(options))
    except _Refused as error:
        problem = str(error)
    except FetchError as error:
        problem = f"{error}; ncco-service must be running, started with these settings"
    except _UNUSABLE:
        problem = (
            f"the answer of {caller.url} cannot be used: ncco-service was restarted, or another "
            "program listens there; check OPERATOR_HOST and OPERATOR_PORT"
        )
    print(problem, file=sys.stderr)
    return EX_UNAVAILABLE


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _wanted(options: argparse.Namespace) -> dict[str, Any]:
    wanted = {
        "to": options.number.removeprefix("+"),
        "from": options.caller,
        "order": "socket-first" if options.socket_first else None,
        "meeting": options.meeting,
        "headers": dict(options.header) or None,
        "machine_detection": options.machine_detection,
    }
    return {name: value for name, value in wanted.items() if value is not None}


class _Caller:
    """One call from the command line."""

    def __init__(self, settings: Settings) -> None:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 - a name to look up
            settings.operator_host, settings.operator_host
        )
        host = f"[{host}]" if ":" in host else host
        self.url = f"http://{host}:{settings.operator_port}"
        self._headers = {"Content-Type": "application/json"}
        if settings.operator_token:
            self._headers["Authorization"] = f"Bearer {settings.operator_token}"
        self._placed: dict[str, Any] | None = None
        self._error: Exception | None = None
        self._interrupts = 0
        self._announced = False
        signal.signal(signal.SIGINT, self._interrupt)

    def call(self, wanted: dict[str, Any]) -> int:
        """Place the call and print its events until it is over; return the exit status."""
        placing = threading.Thread(target=self._place, args=(wanted,), daemon=True)
        placing.start()
        while placing.is_alive():
            placing.join(POLL_SECONDS)
            self._interrupted()
        if self._error is not None:
            raise self._error
        if self._placed is None:
            raise _Refused("the service did not answer")
        name = self._placed["call"]
        print(f"calling {wanted['to']} uuid={self._placed['uuid']}", flush=True)
        return self._follow(name)

    def _interrupt(self, _number: int, _frame: object) -> None:
        """Note a Ctrl-C: the first hangs up, the second ends the command.

        It prints nothing: the signal may have interrupted a `print`, which is not reentrant.
        """
        self._interrupts += 1

    def _interrupted(self) -> bool:
        """Return whether Ctrl-C was pressed; say so the first time."""
        if self._interrupts and not self._announced:
            self._announced = True
            print("hanging up", flush=True)
        return self._announced

    def _place(self, wanted: dict[str, Any]) -> None:
        try:
            key = {"Idempotency-Key": str(uuid.uuid4())}
            self._placed = self._ask("POST", "/calls", wanted, key, PLACING_SECONDS)
        except (FetchError, _Refused, *_UNUSABLE) as error:
            self._error = error

    def _follow(self, name: str) -> int:
        told = failures = 0
        hung_up = False
        while self._interrupts < 2:
            if self._interrupted() and not hung_up:
                self._hang_up(name)
                hung_up = True
            try:
                call = self._ask("GET", f"/calls/{name}")
                failures = 0
                for event in call["events"][told:]:
                    print(_line(event), flush=True)
                told = len(call["events"])
                if call["over"]:
                    return self._end(call)
                time.sleep(POLL_SECONDS)
            except FetchError:
                failures += 1
                if failures >= MOST_FAILURES:
                    raise
                time.sleep(POLL_SECONDS)
        return NOT_REACHED

    def _end(self, call: dict[str, Any]) -> int:
        answered = any(
            event.get("status") == "answered" and event["leg"] == "person"
            for event in call["events"]
        )
        if call["machine"] in ("machine", "beep"):
            print("a machine was reached")
            return NOT_REACHED
        print("a person was reached" if answered else f"nobody was reached{_why(call)}")
        return REACHED if answered else NOT_REACHED

    def _hang_up(self, name: str) -> None:
        try:
            self._ask("DELETE", f"/calls/{name}")
        except (_Refused, FetchError) as error:
            print(error, file=sys.stderr)  # such as: it is over already

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = ASKING_SECONDS,
    ) -> dict[str, Any]:
        content = None if body is None else json.dumps(body).encode()
        response = send(method, self.url + path, content, self._headers | (headers or {}), seconds)
        fields = json.loads(response.body) if response.body else {}
        if response.status >= 400:
            raise _Refused(f"{fields['message']}; {fields['hint']}")
        return dict(fields)


def _line(event: dict[str, str]) -> str:
    what = event.get("status") or event.get("type") or "event"
    more = [event[name] for name in ("sub_state", "detail", "reason") if name in event]
    return " ".join([event["leg"], what, *more])


def _why(call: dict[str, Any]) -> str:
    status = call["problem"] or call["person"]["status"]
    return f" ({status})" if status else ""
