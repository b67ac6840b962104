"""`phone serve`: the softphone, a page on which a person calls an application and hears it."""

import argparse
import ipaddress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from phone.commands.answer_url import add_answer_url
from phone.commands.serving import check_ports, interruption, run_server
from phone.commands.signing import add_signing, signing_from
from phone.doctor import DoctorPlan, examine
from phone.legs.plan import CallPlan
from phone.legs.urls import checked_url
from phone.platform.registration import Registration
from phone.web import Softphone, SoftphoneSettings
from phone.web.settings import PORT

__all__ = ["add_parser", "examined"]

DOCTOR_REQUESTS = 5  # a person waits for the page


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to the command line."""
    parser = commands.add_parser(
        "serve",
        help="open the softphone: call with a microphone, in the browser",
        description="Serves a page on loopback that calls an answer URL with this machine's "
        "microphone, and shows everything that happens in the call. Ctrl-C hangs up.",
    )
    parser.set_defaults(run=run)
    add_answer_url(parser)
    parser.add_argument("--event-url", help="default: the first eventUrl in the NCCO")
    parser.add_argument(
        "--host", default="127.0.0.1", help="to listen on; default: %(default)s, this machine only"
    )
    parser.add_argument("--port", type=int, default=PORT, help="default: %(default)s; 0: any")
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        help="another name by which the page may be opened; again for more",
    )
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM file of an authority to trust for TLS"
    )
    platform = parser.add_argument_group("a platform in it")
    platform.add_argument(
        "--application",
        type=Path,
        metavar="FILE",
        help="as of phone platform: its calls to a page's number ring there",
    )
    platform.add_argument(
        "--platform-port", type=int, default=0, help="of its API; default: any that is free"
    )
    stack = parser.add_argument_group("the stack beside it")
    stack.add_argument(
        "--readiness",
        action="append",
        default=[],
        metavar="NAME=URL",
        help="a service whose readiness is shown; again for more",
    )
    stack.add_argument(
        "--readiness-host",
        metavar="HOST",
        help="the Host of those requests; default: the URL's",
    )
    stack.add_argument("--calls", metavar="URL", help="echo-service's list of live calls")
    add_signing(parser)


def run(namespace: argparse.Namespace) -> int:
    """Serve until interrupted; return the exit status."""
    return run_server(namespace, lambda: _serve(_softphone(namespace)))


def _softphone(namespace: argparse.Namespace) -> Softphone:
    check_ports(namespace.port, namespace.platform_port)
    readiness = {}
    for text in namespace.readiness:
        name, equals, url = text.partition("=")
        if not (name and equals):
            raise ValueError(f"--readiness {text!r} is no NAME=URL")
        readiness[name] = _url("--readiness", url)
    settings = SoftphoneSettings(
        answer_url=_url("the answer URL", namespace.answer_url),
        event_url=namespace.event_url,
        host=namespace.host,
        port=namespace.port,
        names=tuple(namespace.name),
        ca_file=namespace.ca,
        readiness=readiness,
        readiness_host=namespace.readiness_host,
        calls_url=namespace.calls and _url("--calls", namespace.calls),
        **signing_from(namespace),
    )
    file: Path | None = namespace.application
    registration = None if file is None else Registration.read(file)
    folder = None if file is None else file.absolute().parent
    return Softphone(settings, registration, namespace.platform_port, folder, examined)


async def examined(call: CallPlan) -> list[dict[str, Any]]:
    """Return what `phone doctor` finds, for the page."""
    diagnosis = await examine(DoctorPlan(call, DOCTOR_REQUESTS))
    return [asdict(check) for check in diagnosis.checks]


async def _serve(softphone: Softphone) -> None:
    over = interruption()
    async with softphone:
        print(f"softphone {softphone.url}", flush=True)
        if not _is_loopback(softphone.settings.host):
            print(
                f"warning: whoever reaches {softphone.settings.host} can place calls from here; "
                "and browsers give a microphone only to pages on localhost or https",
                flush=True,
            )
        if softphone.network.switch.registration.public_key:
            print(f"platform {softphone.network.url}", flush=True)
        await over.wait()


def _url(name: str, url: str) -> str:
    try:
        return checked_url(url, "http", "https")
    except ValueError as error:
        raise ValueError(f"{name} is {url!r}: it {error}; give http:// or https://") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
