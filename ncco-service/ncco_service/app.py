"""The Flask application."""

import os

from flask import Flask

from ncco_service import errors
from ncco_service.refusals import Refusals
from ncco_service.service import Service
from ncco_service.settings import Settings
from ncco_service.views import health, webhooks

__all__ = ["create_app", "from_environment", "service_of"]

_EXTENSION = "ncco-service"


def create_app(settings: Settings) -> Flask:
    """Make the application; ``service_of(app).start()`` starts its background jobs.

    Raises:
        TemplateError: a document is wrong.

    """
    app = Flask(__name__, static_folder=None)
    # One more than is accepted: Werkzeug cuts a chunked body at its limit instead of refusing it,
    # and this way the cut shows (see body_of).
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1
    service = Service.build(settings)
    app.extensions[_EXTENSION] = service
    documents, discovery, check = service.documents, service.discovery, service.signature_check
    app.register_blueprint(
        webhooks.blueprint(
            documents,
            discovery,
            check,
            log_numbers=settings.log_numbers,
            local_hosts=settings.local_hosts,
            reconnects=settings.reconnects,
        )
    )
    refusals = Refusals()
    app.register_blueprint(health.blueprint(settings, discovery, check, service.warnings, refusals))
    errors.register(app, refusals)
    return app


def from_environment() -> Flask:
    """Make the application from the environment's settings, as gunicorn does in its worker."""
    return create_app(Settings.from_env(os.environ))


def service_of(app: Flask) -> Service:
    """Return the service inside an application."""
    service: Service = app.extensions[_EXTENSION]
    return service
