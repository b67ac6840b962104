"""The application's socket: is it safe, does it open, does it take the first message, is it an
echo?
"""

import ssl
from urllib.parse import urlsplit

from phone.audio.align import align
from phone.constants import CONNECT_LIMIT_SECONDS, HANDSHAKE_TIMEOUT
from phone.doctor.checks import Diagnosis
from phone.doctor.network_checks import check_name, check_tls
from phone.legs.callers import ScriptedCaller
from phone.legs.dial import DialError, dial
from phone.legs.socket import SocketLeg
from phone.legs.urls import is_local
from phone.platform.mixing.conversation import Conversation, Member
from phone.platform.ncco.endpoints import WebSocket
from phone.platform.waiting import first_of
from phone.platform.webhooks.signature import Signer
from phone.report.verdict import judge
from phone.words import counted, printable

__all__ = ["check_socket"]

TALK_SECONDS = 1.5
ECHO_SECONDS = 3.0
WRONG = "Bearer this.is.wrong"


async def check_socket(
    diagnosis: Diagnosis,
    endpoint: WebSocket,
    public: bool,
    signer: Signer | None,
    tls: ssl.SSLContext | None,
) -> None:
    """Check the endpoint of the NCCO.

    Args:
        diagnosis: where the checks go.
        endpoint: where the audio would go.
        public: whether the answer URL is public, so that the socket must be, too.
        signer: signs handshakes of type vonage.
        tls: trusted certificates; None: the system's.

    """
    uri = endpoint.uri
    if public and is_local(uri):
        seen = f"{printable(uri)} is only reachable from its own machine or network"
        diagnosis.add("socket", "failure", seen, "put the public wss:// URL into the NCCO's uri")
        return
    if urlsplit(uri).netloc and not await check_name(diagnosis, uri):
        return
    if not await check_tls(diagnosis, "socket tls", uri, tls):
        return
    await _check_authorization(diagnosis, endpoint, tls)
    await _check_conversation(diagnosis, endpoint, signer, tls)


async def _check_authorization(
    diagnosis: Diagnosis, endpoint: WebSocket, tls: ssl.SSLContext | None
) -> None:
    """Try to open the socket without valid authorization; success means anyone can."""
    name = "authorization"
    key = WRONG if endpoint.authorization is not None else None
    try:
        connection = await dial(endpoint.uri, HANDSHAKE_TIMEOUT, key, tls)
    except DialError as error:
        if error.http in (401, 403):
            diagnosis.add(name, "ok", f"HTTP {error.http} without valid authorization")
        else:
            diagnosis.add(
                name, "skipped", f"not checked, because the socket did not answer: {error.seen}"
            )
        return
    await connection.close()
    if endpoint.authorization is not None:
        seen = "the NCCO sends authorization, but the server accepts a wrong one, too"
        advice = "check the Authorization header in the handshake, and answer 401"
    elif urlsplit(endpoint.uri).query:
        diagnosis.add(name, "ok", "the URL carries a query, perhaps a token of the call's own")
        return
    else:
        seen = "anyone who knows the URL can open the socket"
        advice = "put authorization into the NCCO's endpoint, or a token into the URL; check it"
    diagnosis.add(name, "warning", seen, advice)


async def _check_conversation(
    diagnosis: Diagnosis,
    endpoint: WebSocket,
    signer: Signer | None,
    tls: ssl.SSLContext | None,
) -> None:
    wanted = endpoint.authorization
    authorization = wanted.value if wanted else None
    if wanted is not None and wanted.type == "vonage":
        if signer is None:
            advice = "give the application's secret: --signature-secret"
            diagnosis.add("handshake", "skipped", "authorization vonage needs the secret", advice)
            return
        authorization = signer.authorization(None)
    leg = SocketLeg(endpoint.uri, endpoint.content_type, endpoint.rate, endpoint.headers)
    try:
        took = await leg.open(HANDSHAKE_TIMEOUT, authorization, tls)
    except DialError as error:
        diagnosis.add("handshake", "failure", error.seen, error.advice)
        return
    diagnosis.add("handshake", "ok", f"open after {took:.0f} ms")
    try:
        await _talk(leg)
    finally:
        await leg.close()
    trace = leg.trace
    sent = counted(len(trace.sent), "frame")
    if trace.ended_by != "caller":
        what = trace.seen or f"the application closed it with {trace.close_code}"
        advice = trace.advice or "look at the application's log"
        seen = f"{what}, after the first message and {sent}"
        diagnosis.add("first message", "failure", seen, advice)
        return
    diagnosis.add("first message", "ok", f"taken, and {sent} of audio at {endpoint.rate} Hz")
    alignment = align(trace.sent, trace.sent_at, trace.received, trace.received_at, trace.rate)
    problems = list(judge(trace, alignment, "echo"))
    for problem in problems:
        diagnosis.add("echo", "warning", problem.seen, problem.advice)
    if not problems:
        p50, most = alignment.delay(0.5) or 0.0, alignment.delay(1.0) or 0.0
        seen = f"all {sent} came back; delay p50 {p50:.1f} ms, max {most:.1f} ms"
        diagnosis.add("echo", "ok", seen)


async def _talk(socket: SocketLeg) -> None:
    """Say something, and wait for the echo."""
    caller = ScriptedCaller("speech", TALK_SECONDS, listening=ECHO_SECONDS)
    speech = caller.begin(socket.trace, (), CONNECT_LIMIT_SECONDS)
    conversation = Conversation()

    async def said() -> None:
        await speech.finished.wait()
        await socket.echoed(speech.wait)

    socket.start(speech.length)
    conversation.join(Member("caller", caller))
    conversation.join(Member("socket", socket))
    try:
        await first_of(said(), socket.over.wait())
    finally:
        conversation.leave("caller")
        conversation.leave("socket")
