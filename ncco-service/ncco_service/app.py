"""The Flask application."""

import os

from flask import Flask

from ncco_service import errors, health, webhooks
from ncco_service.service import Service, build
from ncco_service.settings import Settings

__all__ = ["create_app", "from_environment", "service_of"]

_EXTENSION = "ncco-service"


def create_app(settings: Settings) -> Flask:
    """Make the application; ``service_of(app).start()`` starts its background threads.

    Raises:
        TemplateError: a document is wrong.

    """
    app = Flask(__name__, static_folder=None)
    # One more than is taken: Werkzeug cuts a chunked body at its limit instead of refusing it, and
    # this way the cut shows (see fields_of).
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes + 1
    service = build(settings)
    app.extensions[_EXTENSION] = service
    app.register_blueprint(webhooks.blueprint(service))
    app.register_blueprint(health.blueprint(service))
    errors.register(app)
    return app


def from_environment() -> Flask:
    """Make the application from the environment's settings, as gunicorn does in its worker."""
    return create_app(Settings.from_env(os.environ))


def service_of(app: Flask) -> Service:
    """Give the service inside an application."""
    service: Service = app.extensions[_EXTENSION]
    return service
