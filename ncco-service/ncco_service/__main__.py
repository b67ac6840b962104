"""``python -m ncco_service``: check everything, then serve."""

import logging.config
import os
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
    logging.config.dictConfig(logs.configuration(settings.log_level))
    sys.argv = [
        "ncco-service",
        "--config=python:ncco_service.gunicorn_conf",
        "ncco_service.app:from_environment()",
    ]
    run()


if __name__ == "__main__":
    main()
