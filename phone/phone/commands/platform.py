"""`phone platform`: serve a whole simulated telephone network."""

import argparse
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from phone.commands.serving import check_ports, interruption, run_server
from phone.legs.assumptions import ASSUMPTIONS, Assumptions
from phone.legs.log import Moment, Problem
from phone.legs.urls import checked_url
from phone.platform.credentials import (
    PRIVATE_KEY,
    WEBHOOKS,
    CredentialsError,
    init_folder,
    server_context,
    write_settings,
)
from phone.platform.network import Network
from phone.platform.registration import Registration, RegistrationError
from phone.words import printable

__all__ = ["add_parser"]

PORT = 8090


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand to the command line."""
    parser = commands.add_parser(
        "platform",
        help="serve a simulated telephone network",
        description="Serves Vonage's Voice API and Application API for one application, with "
        "subscribers who can be called, conversations and recordings. Ctrl-C hangs everybody up.",
    )
    parser.set_defaults(run=run)
    parser.add_argument(
        "--application",
        type=Path,
        metavar="FILE",
        help="JSON: id, public_key, api_key, api_secret, numbers, webhooks, subscribers",
    )
    parser.add_argument(
        "--init",
        type=Path,
        metavar="DIR",
        help="write DIR/application.json, DIR/private.key and an authority, and end; with "
        "--application: write them if FILE is not there, and serve",
    )
    parser.add_argument(
        "--webhooks",
        default=WEBHOOKS,
        metavar="URL",
        help="with --init: where the application answers; default: %(default)s",
    )
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="write the settings with which ncco-service calls through this network",
    )
    parser.add_argument("--host", default="127.0.0.1", help="to listen on; default: %(default)s")
    parser.add_argument("--port", type=int, default=PORT, help="default: %(default)s; 0: any")
    parser.add_argument(
        "--tls",
        action="store_true",
        help="serve https:// with an authority of its own, which is made once, beside FILE",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        help="a name by which clients reach the server, in URLs and its certificate; again for "
        "more; default: --host",
    )
    parser.add_argument(
        "--ca", type=Path, metavar="FILE", help="PEM file of an authority to trust for webhooks"
    )
    parser.add_argument(
        "--talk",
        choices=("at-once", "realtime", "aloud"),
        default="aloud",
        help="how talk passes; aloud needs espeak-ng; default: aloud",
    )
    parser.add_argument(
        "--assume",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="what the platform does where it does not say; again for more: "
        + ", ".join(f"{name}={'|'.join(values) or 'N'}" for name, values in ASSUMPTIONS.items()),
    )
    parser.add_argument("--public", action="store_true", help="let it call hosts on the internet")
    parser.add_argument("--quiet", action="store_true", help="print nothing of what happens")


def run(namespace: argparse.Namespace) -> int:
    """Serve until interrupted; return the exit status."""
    return run_server(namespace, lambda: _made(namespace))


def _made(namespace: argparse.Namespace) -> Coroutine[Any, Any, None] | None:
    """Make what the options ask for: the application's files, and a network that serves it."""
    file: Path | None = namespace.application
    if namespace.init is not None and (file is None or not file.exists()):
        try:
            webhooks = checked_url(namespace.webhooks, "http", "https").rstrip("/")
        except ValueError as error:
            raise ValueError(f"--webhooks {error}; nothing was written") from None
        for path in init_folder(namespace.init, webhooks):
            print(path, flush=True)
        if file is None:
            return None
    return _serve(_network(namespace), namespace)


def _network(namespace: argparse.Namespace) -> Network:
    file: Path | None = namespace.application
    if file is None:
        raise RegistrationError(
            "name the application's file: --application FILE; phone platform --init DIR makes one"
        )
    check_ports(namespace.port)
    serves: ssl.SSLContext | None = None
    if namespace.tls:
        names = [*namespace.name, namespace.host]
        serves, authority = server_context(file.absolute().parent, names)
        print(f"authority {authority}", flush=True)
    trusts: ssl.SSLContext | None = None
    if namespace.ca is not None:
        trusts = ssl.create_default_context()
        try:
            trusts.load_verify_locations(cafile=namespace.ca)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(
                f"{namespace.ca} cannot be used as an authority: {error}"
            ) from error
    quiet = namespace.quiet
    return Network(
        Registration.read(file),
        host=namespace.host,
        port=namespace.port,
        name=next(iter(namespace.name), None),
        serves=serves,
        trusts=trusts,
        talk=namespace.talk,
        assume=Assumptions.parse(namespace.assume),
        folder=file.absolute().parent,
        public=namespace.public,
        on_moment=None if quiet else _tell,
        on_problem=_warn,
    )


async def _serve(network: Network, namespace: argparse.Namespace) -> None:
    over = interruption()
    async with network:
        if namespace.settings is not None:
            _write_settings(network, namespace)
        print(f"serving {network.url} application={network.switch.registration.id}", flush=True)
        await over.wait()


def _write_settings(network: Network, namespace: argparse.Namespace) -> None:
    """Write what an application beside the network needs: who it is, and who reaches whom where."""
    registration = network.switch.registration
    settings = {
        "VONAGE_APPLICATION_ID": registration.id,
        "VONAGE_PRIVATE_KEY_FILE": str(namespace.application.absolute().with_name(PRIVATE_KEY)),
        "VONAGE_API_URL": network.url,
    }
    if registration.numbers:
        settings["VONAGE_NUMBER"] = registration.numbers[0]
    if (answer := registration.webhooks.answer_url) is not None:
        settings["LOCAL_URL"] = urljoin(answer.address, "/").rstrip("/")
    write_settings(namespace.settings, settings)


def _tell(moment: Moment) -> None:
    print(f"{moment.kind:<12} {moment.text}", flush=True)


def _warn(problem: Problem) -> None:
    print(
        f"{problem.severity:<12} {printable(problem.seen)}; {printable(problem.advice, 400)}",
        flush=True,
    )
