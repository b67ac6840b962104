"""`phone call`: place one call and tell a person what happened."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from phone.cassette import CassetteError, write_cassette
from phone.commands.answer_url import add_answer_url
from phone.commands.exit_status import FAILED, INTERRUPTED, USAGE, WORKED
from phone.commands.interrupts import on_interrupt
from phone.commands.signing import SecretError, add_signing, signing_from
from phone.constants import HANDSHAKE_TIMEOUT
from phone.legs.assumptions import ASSUMPTIONS, AssumptionError, Assumptions
from phone.legs.faults import FAULTS, FaultError, Faults
from phone.legs.identity import CALLED, CALLER, Identity
from phone.legs.plan import CallPlan, PlanError
from phone.platform.leg import Progress as Sent
from phone.platform.place import place
from phone.report import CallReport, conclude, summary
from phone.report.page import write_page

__all__ = ["add_parser"]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to the command line."""
    parser = commands.add_parser(
        "call",
        help="place one call",
        description="Asks the answer URL for an NCCO as the platform would, checks it, dials its "
        "socket, speaks, compares what comes back, posts the events, hangs up.",
    )
    parser.set_defaults(run=run)
    add_answer_url(parser)
    web = parser.add_argument_group("webhooks")
    web.add_argument(
        "--method",
        choices=("GET", "POST"),
        default="GET",
        help="of the answer webhook; default: GET",
    )
    web.add_argument("--event-url", help="default: the first eventUrl in the NCCO")
    web.add_argument("--fallback-url", help="asked when the others fail; default: none")
    web.add_argument("--from", dest="caller", default=CALLER, help="default: %(default)s")
    web.add_argument("--to", dest="called", default=CALLED, help="default: %(default)s")
    web.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM file of an authority to trust for TLS"
    )
    add_signing(parser)
    sound = parser.add_argument_group("audio")
    sound.add_argument(
        "--audio",
        default="speech",
        metavar="FILE",
        help="what the caller says: an audio file of any rate, or speech, tone, silence; "
        "default: speech",
    )
    sound.add_argument(
        "--seconds", type=float, help="cut or loop the audio; default: as long as it is"
    )
    sound.add_argument(
        "--rate",
        type=int,
        help="fail unless the NCCO asks for this rate (8000, 16000, 24000); the rate itself is the "
        "NCCO's choice",
    )
    sound.add_argument(
        "--dtmf",
        default="",
        metavar="KEYS",
        help="keys to press: 12# spreads them over the call, 1@0.5,#@2 names their seconds",
    )
    sound.add_argument("--save", type=Path, metavar="FILE.wav", help="keep what was heard")
    sound.add_argument(
        "--talk",
        choices=("at-once", "realtime", "aloud"),
        default="at-once",
        help="talk, stream and wait: at once and unheard; in the time they take, streams heard; or "
        "so, with talk spoken by espeak-ng; default: at-once",
    )
    sound.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="on the line after the audio; default: at most 10 for the rest of the echo, else 1",
    )
    sound.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help=f"what goes wrong on purpose; again for more: {', '.join(FAULTS)}",
    )
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the platform does where it does not say; again for more: "
        + ", ".join(f"{name}={'|'.join(values) or 'N'}" for name, values in ASSUMPTIONS.items()),
    )
    result = parser.add_argument_group("result")
    result.add_argument(
        "--expect",
        choices=("echo", "audio", "any"),
        default="echo",
        help="what must come back for the call to have worked: the caller's audio, any audio, or "
        "anything; default: echo",
    )
    result.add_argument(
        "--strict",
        action="store_true",
        help="count warnings as failures; end the socket at a frame of a wrong size, and at more "
        "audio than the platform buffers",
    )
    result.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="draw the call: both sounds, the delay, the timeline, every request; one file",
    )
    result.add_argument(
        "--record",
        type=Path,
        metavar="DIR",
        help="write a cassette for `phone replay`: webhooks, messages, sound, with numbers masked",
    )
    result.add_argument("--json", action="store_true", help="print the whole report as JSON")
    result.add_argument(
        "--handshake-timeout",
        type=float,
        default=HANDSHAKE_TIMEOUT,
        metavar="SECONDS",
        help="for opening the socket; the platform's is not published; default: %(default)g",
    )


def plan_from(namespace: argparse.Namespace) -> CallPlan:
    """Return the call that the command line asks for."""
    return CallPlan(
        answer_url=namespace.answer_url,
        method=namespace.method,
        event_url=namespace.event_url,
        identity=Identity(namespace.caller, namespace.called),
        audio=namespace.audio,
        seconds=namespace.seconds,
        rate=namespace.rate,
        dtmf=namespace.dtmf,
        expect=namespace.expect,
        talk=namespace.talk,
        strict=namespace.strict,
        save=namespace.save,
        wait=namespace.wait,
        fallback_url=namespace.fallback_url,
        faults=Faults.parse(namespace.fault),
        assume=Assumptions.parse(namespace.assume),
        **signing_from(namespace),
        handshake_timeout=namespace.handshake_timeout,
        ca_file=namespace.ca,
    )


def run(namespace: argparse.Namespace) -> int:
    """Place the call, print the report, return the exit status."""
    try:
        plan = plan_from(namespace)
        if namespace.record is not None and namespace.record.exists():
            raise PlanError(f"{namespace.record} exists; name a new folder to record into")
        report = uvloop.run(_call(plan))
    except (PlanError, FaultError, AssumptionError, SecretError) as error:
        print(f"phone: {error}", file=sys.stderr)
        return USAGE
    if namespace.report is not None:
        try:
            write_page(report, namespace.report)
        except OSError as error:
            print(f"phone: {namespace.report} could not be written: {error}", file=sys.stderr)
            return USAGE
    if namespace.record is not None:
        try:
            write_cassette(plan, report, namespace.record)
        except CassetteError as error:
            print(f"phone: {error}", file=sys.stderr)
            return USAGE
    if namespace.json:
        print(json.dumps(report.as_dict(), indent=2))
    else:
        print(summary(report))
    if report.interrupted:
        return INTERRUPTED
    return WORKED if report.ok else FAILED


async def _call(plan: CallPlan) -> CallReport:
    """Call; the first Ctrl-C hangs up, a second one leaves at once."""
    hang_up = asyncio.Event()
    task = asyncio.current_task()

    def interrupted() -> None:
        if hang_up.is_set() and task is not None:
            task.cancel()
        hang_up.set()

    on_interrupt(interrupted)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        line = bar.add_task("calling", total=None)

        def on_progress(sent: Sent) -> None:
            if not sent.frames % 10 or sent.frames == sent.of:
                bar.update(line, description="talking", total=sent.of, completed=sent.frames)

        log = await place(plan, hang_up=hang_up, on_progress=on_progress)
        return await conclude(plan, log)
