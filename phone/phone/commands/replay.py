"""`phone replay`: a recorded call once more, as a test."""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from phone.cassette import CassetteError, compared, plan_of, read_cassette
from phone.commands.exit_status import FAILED, USAGE, WORKED
from phone.commands.signing import SecretError, add_signing, signing_from
from phone.legs.plan import CallPlan, PlanError
from phone.platform.place import place
from phone.report import CallReport, conclude, summary

__all__ = ["add_parser"]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to the command line."""
    parser = commands.add_parser(
        "replay",
        help="play a recorded call again, as a test",
        description="Says the same, presses the same keys at the same times, and compares the "
        "NCCO, the texts, the events and the sound with those of the cassette. Ids, times, tokens "
        "and host names may differ. Record one with `phone call --record DIR`.",
    )
    parser.set_defaults(run=run)
    parser.add_argument("cassette", type=Path, metavar="DIR")
    parser.add_argument(
        "answer_url", nargs="?", metavar="ANSWER_URL", help="default: the recorded one"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")
    add_signing(parser)


def run(namespace: argparse.Namespace) -> int:
    """Play, compare, print, return the exit status."""
    try:
        cassette = read_cassette(namespace.cassette)
        signing = signing_from(namespace)
        plan = replace(plan_of(cassette, namespace.answer_url), ca_file=namespace.ca, **signing)
        report = compared(cassette, uvloop.run(_call(plan)))
    except (CassetteError, PlanError, SecretError) as error:
        print(f"phone: {error}", file=sys.stderr)
        return USAGE
    print(json.dumps(report.as_dict(), indent=2) if namespace.json else summary(report))
    return WORKED if report.ok else FAILED


async def _call(plan: CallPlan) -> CallReport:
    return await conclude(plan, await place(plan))
