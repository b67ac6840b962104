"""``python -m ncco_service``: check everything, then serve."""

from gevent import monkey  # type: ignore[import-untyped]  # gevent has no types

monkey.patch_all()  # before anything else takes sockets, locks or threads from the standard library

import logging.config
import os
import socket
import sys

from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]  # gunicorn has no types

from ncco_service import logs
from ncco_service.app import create_app
from ncco_service.settings import Settings, SettingsError
from ncco_service.template import TemplateError

EX_CONFIG = 78  # sysexits.h: something is wrong with the configuration


def main() -> None:
    """Run the service until it is told to stop."""
    try:
        settings = Settings.from_env(os.environ)
        create_app(settings)
    except (SettingsError, TemplateError) as error:
        print(error, file=sys.stderr)
        sys.exit(EX_CONFIG)
    if problem := _taken(settings):
        print(problem, file=sys.stderr)
        sys.exit(1)
    logging.config.dictConfig(logs.configuration(settings.log_level))
    sys.argv = [
        "ncco-service",
        "--config=python:ncco_service.server",
        "ncco_service.app:from_environment()",
    ]
    run()


def _taken(settings: Settings) -> str | None:
    """Say why the port cannot be listened on; gunicorn would only say it after five attempts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        where = f"HOST={settings.host} PORT={settings.port}"
        return (
            f"{where} cannot be listened on ({os.strerror(error.errno or 0)}): "
            "stop what listens there, or set PORT to another one (0 takes any that is free)"
        )
    return None


if __name__ == "__main__":
    main()
