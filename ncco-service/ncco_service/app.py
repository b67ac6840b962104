"""The two Flask applications: of the webhooks, and of the operator's interface."""

import os

from flask import Flask

from ncco_service.http import errors
from ncco_service.service import Service
from ncco_service.settings import Settings
from ncco_service.views import health, operator, webhooks
from ncco_service.views.operator_check import OperatorCheck

__all__ = ["create_app", "create_operator_app", "from_environment", "service_of"]

_EXTENSION = "ncco-service"
_WEBHOOKS = (
    "the paths here are /webhooks/answer, /webhooks/events, /webhooks/fallback, /healthz "
    "and /readyz"
)
_OPERATOR = "GET /openapi.json lists the paths here"


def create_app(settings: Settings) -> Flask:
    """Make the application of the webhooks; `service_of(app).start()` starts background jobs.

    Raises:
        TemplateError: a document is wrong.

    """
    service = Service.build(settings)
    app = _app(service)
    documents, discovery, check = service.documents, service.discovery, service.signature_check
    app.register_blueprint(
        webhooks.blueprint(
            documents, discovery, check, service.calls, service.metrics, service.traces, settings
        )
    )
    refusals = service.refusals
    app.register_blueprint(health.blueprint(settings, discovery, check, service.warnings, refusals))
    errors.register(app, _WEBHOOKS, refusals)
    return app


def create_operator_app(service: Service) -> Flask | None:
    """Make the application of the operator's interface; None when no calls can be started."""
    if service.calls is None:
        return None
    settings = service.settings
    app = _app(service)
    errors.register(app, _OPERATOR, service.refusals)
    hosts = (*settings.local_hosts, settings.operator_host)
    check = OperatorCheck(settings.operator_token, hosts)
    app.register_blueprint(operator.blueprint(service.calls, check))
    return app


def from_environment() -> Flask:
    """Make the application from the environment's settings, as gunicorn does in its worker."""
    return create_app(Settings.from_env(os.environ))


def service_of(app: Flask) -> Service:
    """Return the service inside an application."""
    service: Service = app.extensions[_EXTENSION]
    return service


def _app(service: Service) -> Flask:
    app = Flask(__name__, static_folder=None)
    # One more than is accepted: Werkzeug cuts a chunked body at its limit instead of refusing it,
    # and this way the cut shows (see body_of).
    app.config["MAX_CONTENT_LENGTH"] = service.settings.max_body_bytes + 1
    app.extensions[_EXTENSION] = service
    return app
