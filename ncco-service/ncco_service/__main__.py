"""`python -m ncco_service`: check the configuration, then serve; or run one command."""

from gevent import monkey  # type: ignore[import-untyped]  # gevent has no types

monkey.patch_all()  # before anything else takes sockets, locks or threads from the standard library

import argparse
import os
import socket
import sys

from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]  # gunicorn has no types

from ncco_service import logs
from ncco_service.app import create_app
from ncco_service.commands import place_call
from ncco_service.commands.point_application import point_application
from ncco_service.ncco import TemplateError
from ncco_service.settings import Settings, SettingsError
from ncco_service.settings.watch import restart_is_wanted

EX_CONFIG = 78  # sysexits.h: the configuration is wrong


def main() -> None:
    """Run the service until SIGTERM or SIGINT, or one command."""
    options = _arguments()
    if options.name == "call":
        sys.exit(place_call.run(options))
    try:
        settings = Settings.from_env(os.environ)
        create_app(settings)
    except (SettingsError, TemplateError) as error:
        print(error, file=sys.stderr)
        sys.exit(EX_CONFIG)
    if options.name == "point-application":
        logs.configure(settings.log_level, settings.log_format, sys.stderr)
        sys.exit(point_application(settings, dry_run=options.dry_run))
    listeners = [("HOST", settings.host, "PORT", settings.port)]
    if settings.vonage_private_key:
        listeners.append(
            ("OPERATOR_HOST", settings.operator_host, "OPERATOR_PORT", settings.operator_port)
        )
    for listener in listeners:
        if problem := _port_problem(*listener):
            print(problem, file=sys.stderr)
            sys.exit(1)
    logs.configure(settings.log_level, settings.log_format)
    sys.argv = [
        "ncco-service",
        "--config=python:ncco_service.server",
        "ncco_service.app:from_environment()",
    ]
    arbiter = os.getpid()
    try:
        run()
    except SystemExit:
        if os.getpid() != arbiter or not restart_is_wanted():  # a worker ends here, too
            raise
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this program itself


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m ncco_service", description="Answers Vonage's voice webhooks."
    )
    commands = parser.add_subparsers(dest="name", metavar="command")
    point = commands.add_parser(
        "point-application",
        help="write this service's addresses into the Vonage application, once",
        description="Writes this service's addresses into the Vonage application, and shows what "
        "changed. Needs VONAGE_APPLICATION_ID, VONAGE_API_KEY and VONAGE_API_SECRET.",
    )
    point.add_argument("--dry-run", action="store_true", help="show what would change")
    place_call.add_parser(commands)
    return parser.parse_args()


def _port_problem(host_name: str, host: str, port_name: str, port: int) -> str | None:
    """Return why the port cannot be listened on; gunicorn reports it only after five attempts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        where = f"{host_name}={host} {port_name}={port}"
        return (
            f"{where} cannot be listened on ({os.strerror(error.errno or 0)}): "
            f"stop what listens there, or set {port_name} to another port (0 takes any free one)"
        )
    return None


if __name__ == "__main__":
    main()
