"""`phone doctor`: checks whether a real call would work."""

import argparse
import json
import sys
from pathlib import Path

import uvloop
from rich.console import Console
from rich.markup import escape

from phone.commands.answer_url import add_answer_url
from phone.commands.exit_status import FAILED, USAGE, WARNINGS, WORKED
from phone.commands.signing import SecretError, add_signing, signing_from
from phone.doctor import Check, DoctorPlan, examine
from phone.doctor.examine import REQUESTS
from phone.legs.plan import CallPlan, PlanError

__all__ = ["add_parser"]

STATUS = {"ok": WORKED, "failure": FAILED, "warning": WARNINGS}
MARKS = {"ok": "[green]ok  [/]", "warning": "[yellow]warn[/]", "failure": "[red]FAIL[/]"}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="check everything that a real call needs",
        description="Goes through names, certificates, webhooks, the NCCO and the socket from "
        "outside, one line a check. Exits 0 when all is well, 3 when there are only warnings, 1 "
        "when "
        "a call would fail.",
    )
    parser.set_defaults(run=run)
    add_answer_url(parser)
    parser.add_argument("--method", choices=("GET", "POST"), default="GET")
    parser.add_argument("--event-url", help="default: the first eventUrl in the NCCO")
    parser.add_argument(
        "--requests", type=int, default=REQUESTS, help="to time; default: %(default)s"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    add_signing(parser)


def run(namespace: argparse.Namespace) -> int:
    """Examine, print, return the exit status."""
    console = Console(highlight=False, soft_wrap=True)

    def show(check: Check) -> None:
        if namespace.json:
            return
        mark = MARKS.get(check.verdict, "[dim]–   [/]")
        console.print(f"{mark} {check.name:<13} {escape(check.seen)}")
        if check.advice:
            console.print(f"{'':19}→ {escape(check.advice)}")

    try:
        if not 1 <= namespace.requests <= 10_000:
            raise PlanError("give 1 to 10000 --requests")
        call = CallPlan(
            answer_url=namespace.answer_url,
            method=namespace.method,
            event_url=namespace.event_url,
            ca_file=namespace.ca,
            **signing_from(namespace),
        )
        diagnosis = uvloop.run(examine(DoctorPlan(call, namespace.requests), show))
    except (PlanError, SecretError) as error:
        print(f"phone: {error}", file=sys.stderr)
        return USAGE
    if namespace.json:
        print(json.dumps(diagnosis.as_dict(), indent=2))
    return STATUS[diagnosis.worst]
