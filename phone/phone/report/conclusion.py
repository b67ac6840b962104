"""Judges a call's log: makes the report, and decides whether the call worked."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace

from phone.audio.align import align
from phone.constants import RETRIED_STATUSES
from phone.legs.log import CallLog, Posted, Problem, SocketRecord
from phone.legs.plan import CallPlan
from phone.report.call_report import CallReport, SocketReport
from phone.report.hearing import save_heard
from phone.report.moves import Move, moved_from, moves_of
from phone.report.verdict import judge
from phone.words import counted

__all__ = ["conclude"]


async def conclude(plan: CallPlan, log: CallLog) -> CallReport:
    """Judge a call that is over, and write what was heard if the plan says where.

    Args:
        plan: what was called and how.
        log: what happened.

    """
    # Comparing the sound of a long call takes seconds, and so does writing it.
    return await asyncio.to_thread(_conclude, plan, log)


def _conclude(plan: CallPlan, log: CallLog) -> CallReport:
    report = _judged(plan, log)
    if plan.save is None:
        return report
    traces = [socket.trace for socket in report.sockets]
    try:
        saved = save_heard(plan.save, report.played, traces)
    except OSError as error:
        advice = "is the folder writable, and the disk not full?"
        return replace(report, problems=[*report.problems, Problem("save", str(error), advice)])
    return replace(report, saved=str(plan.save) if saved else None)


def _judged(plan: CallPlan, log: CallLog) -> CallReport:
    sockets: list[SocketReport] = []
    problems: list[Problem] = []

    def judged(found: Iterator[Problem]) -> None:
        for problem in found:
            severity = "failure" if plan.strict else problem.severity
            problems.append(Problem(problem.step, problem.seen, problem.advice, severity))

    moved, moves = moved_from(log.records), moves_of(log.records)
    for place, record in enumerate(log.records):
        if isinstance(record, Problem):
            made_good = place in moved and not plan.strict
            problems.append(record.as_warning() if made_good else record)
            continue
        report = _socket(record, place in moved)
        sockets.append(report)
        if record.handshake_ms is not None:
            judged(judge(record.trace, report.alignment, plan.expect, moved=place in moved))
    judged(_other_calls(moves))
    refused = any(p.step == "ncco" and p.severity == "failure" for p in problems)
    if log.actions is not None and not (sockets or refused or log.hung_up or plan.expect == "any"):
        judged(_no_socket(log.actions))
    judged(_events(log.posted))
    return CallReport(
        plan.answer_url,
        plan.identity.uuid,
        plan.identity.conversation_uuid,
        moments=log.moments,
        spoken=log.spoken,
        played=log.played,
        sockets=sockets,
        moves=moves,
        events=log.posted,
        exchanges=log.exchanges,
        problems=problems,
        seconds=log.length,
        interrupted=log.hung_up,
    )


def _socket(record: SocketRecord, moved: bool) -> SocketReport:
    trace = record.trace
    alignment = align(trace.sent, trace.sent_at, trace.received, trace.received_at, trace.rate)
    hung_up = trace.ended_by == "fault" or (trace.ended_by == "caller" and record.hung_up)
    if hung_up or moved:
        # In mid-sentence: what was still on its way is not lost, or is in the gap of the move.
        alignment = alignment.without_tail()
    return SocketReport(record.uri, trace, alignment, record.handshake_ms)


def _other_calls(moves: Sequence[Move]) -> Iterator[Problem]:
    if others := sum(not move.same_call for move in moves):
        yield Problem(
            "socket",
            f"{counted(others, 'socket')} continued with another `uuid` in the headers",
            "give the new socket the headers of the old one: they say which call it is",
            "warning",
        )


def _no_socket(actions: str) -> Iterator[Problem]:
    yield Problem(
        "socket",
        f"the NCCO connected to no WebSocket ({actions})",
        "add a connect action with a websocket endpoint, or use --expect any",
    )


def _events(events: Sequence[Posted]) -> Iterator[Problem]:
    silent: dict[tuple[str, str], list[Posted]] = {}
    for posted in events:
        if posted.seen:
            silent.setdefault((posted.seen, posted.url), []).append(posted)
    for (seen, url), lost in silent.items():
        yield Problem(
            "event",
            f"{', '.join(posted.status for posted in lost)} to {url}: {seen}",
            lost[0].advice,
            # The platform ignores a refused event; one that was not received, or that a gateway
            # answered in the application's place, means a dead application.
            "failure" if lost[0].reply in (None, *RETRIED_STATUSES) else "warning",
        )
