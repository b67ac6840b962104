"""``python -m ncco_service``: check the configuration, then serve; or point the application."""

from gevent import monkey  # type: ignore[import-untyped]  # gevent has no types

monkey.patch_all()  # before anything else takes sockets, locks or threads from the standard library

import argparse
import os
import socket
import sys

from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]  # gunicorn has no types

from ncco_service import logs
from ncco_service.app import create_app
from ncco_service.ncco import TemplateError
from ncco_service.point_application import point_application
from ncco_service.settings import Settings, SettingsError

EX_CONFIG = 78  # sysexits.h: the configuration is wrong


def main() -> None:
    """Run the service until SIGTERM or SIGINT, or one command."""
    command = _arguments()
    try:
        settings = Settings.from_env(os.environ)
        create_app(settings)
    except (SettingsError, TemplateError) as error:
        print(error, file=sys.stderr)
        sys.exit(EX_CONFIG)
    if command.name == "point-application":
        sys.exit(point_application(settings, dry_run=command.dry_run))
    if problem := _port_problem(settings):
        print(problem, file=sys.stderr)
        sys.exit(1)
    logs.configure(settings.log_level, settings.log_format)
    sys.argv = [
        "ncco-service",
        "--config=python:ncco_service.server",
        "ncco_service.app:from_environment()",
    ]
    run()


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
    return parser.parse_args()


def _port_problem(settings: Settings) -> str | None:
    """Say why we cannot listen on the port; gunicorn would say so only after five attempts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        where = f"HOST={settings.host} PORT={settings.port}"
        return (
            f"{where} cannot be listened on ({os.strerror(error.errno or 0)}): "
            "stop what listens there, or set PORT to another port (0 takes any free one)"
        )
    return None


if __name__ == "__main__":
    main()
