"""`phone load`: many calls at once."""

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from phone.audio.files import AudioError, load
from phone.commands.answer_url import add_answer_url
from phone.commands.exit_status import FAILED, INTERRUPTED, USAGE, WORKED
from phone.commands.interrupts import on_interrupt
from phone.commands.signing import SecretError, add_signing, signing_from
from phone.constants import RATES
from phone.legs.faults import FAULTS, FaultError, Faults
from phone.legs.plan import CallPlan, PlanError
from phone.load import Live, LoadPlan, LoadResult, run_load
from phone.words import counted, printable

__all__ = ["add_parser"]

# Answering, events and handshake of a call take this program some 9 ms of a core, its frames a
# millisecond a second: with more starts, those would keep these waiting.
STARTS_PER_SECOND = 40
TAKEN = ("drop", "late-close", "no-close", "leading-space", "key-order")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to the command line."""
    parser = commands.add_parser(
        "load",
        help="place many calls at once",
        description="Places calls as `phone call` does, many at once, and measures the echo of "
        "every frame. Says so when it, and not the application, was the bottleneck.",
    )
    parser.set_defaults(run=run)
    add_answer_url(parser)
    parser.add_argument("--calls", type=int, default=20, help="default: %(default)s")
    parser.add_argument(
        "--ramp",
        type=float,
        help=f"seconds in which they start; default: 5, and at most {STARTS_PER_SECOND} calls a "
        "second from each process",
    )
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of each call; default: %(default)g"
    )
    parser.add_argument("--processes", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--method", choices=("GET", "POST"), default="GET")
    parser.add_argument("--event-url", help="default: the first eventUrl in the NCCO")
    parser.add_argument("--fallback-url", help="asked when another webhook fails; default: none")
    parser.add_argument("--audio", default="speech", metavar="FILE")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help=f"what goes wrong on purpose, in every call: {', '.join(TAKEN)}",
    )
    parser.add_argument("--no-events", action="store_true", help="post no events")
    parser.add_argument("--ca", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    add_signing(parser)


def plan_from(namespace: argparse.Namespace) -> LoadPlan:
    """Return the load that the command line asks for.

    Raises:
        PlanError: a number out of range, or no audio.

    """
    if not 1 <= namespace.calls <= 100_000 or not 1 <= namespace.processes <= 256:
        raise PlanError("give 1 to 100000 --calls and 1 to 256 --processes")
    ramp = namespace.ramp
    if ramp is None:
        ramp = max(5.0, namespace.calls / namespace.processes / STARTS_PER_SECOND)
    if not 0 <= ramp <= 3600:
        raise PlanError("give 0 to 3600 seconds as --ramp")
    try:
        load(namespace.audio, RATES[0])
    except AudioError as error:
        raise PlanError(str(error)) from error
    call = CallPlan(
        answer_url=namespace.answer_url,
        method=namespace.method,
        event_url=namespace.event_url,
        fallback_url=namespace.fallback_url,
        faults=_faults(namespace.fault),
        audio=namespace.audio,
        seconds=namespace.seconds,
        ca_file=namespace.ca,
        **signing_from(namespace),
    )
    return LoadPlan(call, namespace.calls, ramp, namespace.processes, not namespace.no_events)


def _faults(texts: list[str]) -> Faults:
    for text in texts:
        name = text.partition("=")[0]
        if name in FAULTS and name not in TAKEN:
            raise FaultError(f"a load does not take the fault {name}; it takes {', '.join(TAKEN)}")
    return Faults.parse(texts)


def run(namespace: argparse.Namespace) -> int:
    """Place the load, print what it showed, return the exit status."""
    try:
        result = uvloop.run(_load(plan_from(namespace)))
    except (PlanError, FaultError, SecretError) as error:
        print(f"phone: {error}", file=sys.stderr)
        return USAGE
    print(json.dumps(result.as_dict(), indent=2) if namespace.json else words(result))
    if result.interrupted:
        return INTERRUPTED
    return WORKED if result.ok else FAILED


async def _load(plan: LoadPlan) -> LoadResult:
    stop = asyncio.Event()
    on_interrupt(stop.set)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        line = bar.add_task("starting", total=plan.calls)

        def on_live(live: Live) -> None:
            text = (
                f"{live.open:,} open, {live.finished:,} over, {live.failed:,} failed; "
                f"{live.sent:,} frames sent, {live.late:,} late"
            )
            bar.update(line, description=text, completed=live.finished)

        return await run_load(plan, stop=stop, on_live=on_live)


def _other_work(result: LoadResult) -> str:
    waited, stolen = result.other_work.waited, result.other_work.stolen
    if waited is None and stolen is None:
        return "no figures of its other work on this system"
    parts = []
    if waited is not None:
        parts.append(f"the phone waited {waited:.1f} s for a processor")
    if stolen is not None:
        parts.append(
            f"the hypervisor took {stolen:.1f} s from {counted(os.cpu_count() or 1, 'core')}"
        )
    return ", ".join(parts) + f" in {result.seconds:.1f} s"


def words(result: LoadResult) -> str:
    """Return the result in a few lines."""

    def times(title: str, values: dict[str, float | None]) -> str:
        shown = ", ".join(
            f"{name} {value:.2f}" for name, value in values.items() if value is not None
        )
        return f"{title:<10} {shown or 'none'} ms"

    lines = [
        f"{'Calls':<10} {result.calls:,} placed, {result.worked:,} worked, at most "
        f"{result.most_at_once:,} at once, in {result.seconds:.1f} s",
        f"{'Frames':<10} {result.sent:,} sent, {result.matched:,} back, {result.lost:,} lost, "
        f"{result.late:,} late, {result.strange:,} that nobody sent",
        times("Delay", result.delays.as_dict()),
        times("Handshake", result.handshakes.as_dict())
        + f" ({result.handshakes_per_second:.0f} a second)",
        times("Answer", result.answers.as_dict()),
        times("Own lag", result.lags.as_dict()),
        f"{'Phone':<10} {result.cpu:.0%} of a core"
        f"{f' in each of {result.processes} processes' if result.processes > 1 else ''}",
        f"{'Machine':<10} {_other_work(result)}",
    ]
    if result.gaps:
        lines.insert(
            2,
            f"{'Moves':<10} {len(result.gaps):,} to another socket, {result.in_gaps:,} frames "
            "were on their way",
        )
        lines.insert(3, times("Gap", result.gap_times()))
    for reason, count in result.failures.most_common(10):
        lines.append(f"{'Failed':<10} {count:,} × {printable(reason, 300)}")
    if result.own_fault:
        lines.append(
            f"The phone was the bottleneck, not the application: {result.own_fault}; use more "
            "--processes, on a machine with as many free cores, or a longer --ramp"
        )
    if result.machine_fault:
        lines.append(
            f"The machine had other work, so the times say little: {result.machine_fault}; measure "
            "again when nothing else runs"
        )
    lines.append("The load was carried." if result.ok else "The load was not carried.")
    return "\n".join(lines)
