"""The application's webhooks: do they answer what the platform wants, and in time?"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlsplit

from phone.audio.files import AudioError, decode_stream
from phone.constants import ANSWER_TIMEOUT, CONNECT_TIMEOUT, PLATFORM_RATE, STREAM_MAX_BYTES, Method
from phone.doctor.checks import Diagnosis
from phone.legs.identity import Identity
from phone.legs.urls import is_local
from phone.platform.ncco.document import Ncco, NccoError, parse
from phone.platform.running.music import DOWNLOAD, FORMATS
from phone.platform.webhooks.client import ANSWER, EVENT, WebhookClient
from phone.platform.webhooks.events import LegEvents
from phone.platform.webhooks.exchange import Reply, WebhookError
from phone.platform.webhooks.queue import EventTarget
from phone.words import counted, printable

__all__ = [
    "check_answer",
    "check_events",
    "check_latency",
    "check_ncco",
    "check_readiness",
    "check_stream",
]

SLOW_SECONDS = 1.0  # from here on a caller notices the silence


async def check_readiness(diagnosis: Diagnosis, webhooks: WebhookClient, url: str) -> None:
    """Ask `/readyz` beside the answer URL, which many services have, for its reasons."""
    parts = urlsplit(url)
    ready = f"{parts.scheme}://{parts.netloc}/readyz"
    try:
        reply = await webhooks.ask("GET", ready, {}, ANSWER)
    except WebhookError as error:
        if error.status == 503:
            advice = "the application's own check reports what is missing"
            diagnosis.add("readiness", "failure", f"not ready: {error.seen}", advice)
        elif error.status is None:
            diagnosis.add("readiness", "failure", error.seen, error.advice)
        else:
            diagnosis.add("readiness", "skipped", "the application serves no /readyz")
        return
    body = printable(" ".join(reply.body[:200].decode("utf-8", "replace").split()))
    diagnosis.add("readiness", "ok", body or "ready")


async def check_answer(
    diagnosis: Diagnosis, webhooks: WebhookClient, url: str, wanted: Method
) -> Reply | None:
    """Ask the answer URL with both methods; return the reply to the wanted one."""
    replies: dict[Method, Reply | None] = {}
    methods: tuple[Method, ...] = ("GET", "POST")
    for method in methods:
        name = f"answer {method}"
        try:
            reply = await webhooks.ask(method, url, Identity().answer_fields(), ANSWER)
        except WebhookError as error:
            if method == wanted:
                diagnosis.add(name, "failure", error.seen, error.advice)
            else:
                advice = f"serve {method} on the same path, and the application's setting is free"
                diagnosis.add(name, "warning", error.seen, advice)
            replies[method] = None
            continue
        replies[method] = reply
        took = f"HTTP {reply.status} in {reply.milliseconds:.0f} ms"
        if len(reply.attempts) > 1:
            advice = "the first attempt failed: " + reply.attempts[0].seen
            diagnosis.add(name, "warning", f"{took}, at the second attempt", advice)
        else:
            diagnosis.add(name, "ok", took)
    reply_wanted = replies[wanted]
    if reply_wanted is not None and not reply_wanted.is_json:
        seen = f"{printable(reply_wanted.media_type, 60)!r}"
        diagnosis.add("media type", "failure", seen, "answer with Content-Type: application/json")
        return None
    if reply_wanted is not None:
        diagnosis.add("media type", "ok", reply_wanted.media_type)
    return reply_wanted


async def check_latency(
    diagnosis: Diagnosis, webhooks: WebhookClient, url: str, method: Method, requests: int
) -> None:
    """Ask the answer URL many times, one after the other, and compare with the time limits."""
    times: list[float] = []
    failed = 0
    for _ in range(requests):
        try:
            reply = await webhooks.ask(method, url, Identity().answer_fields(), ANSWER)
        except WebhookError as error:
            failed += 1
            if failed > 3:
                diagnosis.add("latency", "failure", f"repeatedly: {error.seen}", error.advice)
                return
            continue
        times.append(reply.milliseconds)
    p50, p99 = _quantile(times, 0.5), _quantile(times, 0.99)
    seen = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms of {counted(len(times), 'request')}"
    budget = f"the platform waits {CONNECT_TIMEOUT:g} s to connect, {ANSWER_TIMEOUT:g} s in all"
    if failed:
        diagnosis.add("latency", "warning", f"{seen}, {failed} failed", "look at its log")
    elif p99 > SLOW_SECONDS * 1000:
        diagnosis.add(
            "latency", "warning", seen, f"{budget}; callers hear silence during that time"
        )
    else:
        diagnosis.add("latency", "ok", f"{seen}; {budget}")


def check_ncco(diagnosis: Diagnosis, reply: Reply) -> Ncco | None:
    """Check the NCCO's rules."""
    try:
        ncco = parse(reply.body)
    except NccoError as error:
        for fault in error.faults:
            diagnosis.add("ncco", "failure", str(fault), "see Vonage's NCCO reference")
        return None
    for warning in ncco.warnings:
        diagnosis.add("ncco", "warning", warning, "see Vonage's NCCO reference")
    if not ncco.warnings:
        diagnosis.add("ncco", "ok", f"valid: {ncco.names}")
    return ncco


async def check_events(
    diagnosis: Diagnosis, webhooks: WebhookClient, target: EventTarget | None, public: bool
) -> None:
    """Post one event, as a call does first."""
    if target is None:
        advice = (
            "set one in the NCCO, or give --event-url; without it the application cannot react to "
            "failures"
        )
        diagnosis.add("events", "warning", "no event URL is set", advice)
        return
    if public and is_local(target.url):
        seen = f"{printable(target.url)} is only reachable from its own machine or network"
        diagnosis.add("events", "failure", seen, "put the public URL into the NCCO's eventUrl")
        return
    identity = Identity()
    leg = LegEvents(identity.caller, identity.called, identity.conversation_uuid, "inbound")
    try:
        reply = await webhooks.ask(target.method, target.url, leg.event("started"), EVENT)
    except WebhookError as error:
        diagnosis.add("events", "failure", f"{printable(target.url)}: {error.seen}", error.advice)
        return
    body = reply.body.strip()
    if reply.is_json and body.startswith(b"[") and body != b"[]":
        seen = f"{reply.status} with an NCCO in the reply to started"
        diagnosis.add("events", "warning", seen, "answer 204 unless the call needs help")
        return
    diagnosis.add("events", "ok", f"{reply.status} in {reply.milliseconds:.0f} ms")


async def check_stream(
    diagnosis: Diagnosis, webhooks: WebhookClient, url: str, public: bool
) -> None:
    """Fetch a file that the NCCO plays."""
    if public and is_local(url):
        seen = f"{printable(url)} is only reachable from its own machine or network"
        diagnosis.add("stream", "failure", seen, "put the public URL into the NCCO's streamUrl")
        return
    try:
        data = await webhooks.download(url, DOWNLOAD, STREAM_MAX_BYTES)
        sound, kind = await asyncio.to_thread(decode_stream, data, PLATFORM_RATE)
    except WebhookError as error:
        diagnosis.add("stream", "failure", f"{printable(url)}: {error.seen}", error.advice)
    except AudioError as error:
        diagnosis.add("stream", "failure", f"{printable(url)}: {error}", FORMATS)
    else:
        seen = f"{printable(url)}: {len(sound) / PLATFORM_RATE:.1f} s of {kind}"
        diagnosis.add("stream", "ok", seen)


def _quantile(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
