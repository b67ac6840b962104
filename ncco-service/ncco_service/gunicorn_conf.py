"""How gunicorn runs the application.

One process, since what it knows of the tunnel, of used tokens and of the echo service is in its
memory; threads, since a request only computes.
"""

import logging
import os
from typing import Any

from ncco_service import logs, worker
from ncco_service.app import service_of
from ncco_service.settings import Settings

_settings = Settings.from_env(os.environ)

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
worker_class = "ncco_service.worker.Worker"
workers = 1
threads = _settings.threads
keepalive = 30  # seconds: longer than the gateway's own, which keeps connections for reuse
graceful_timeout = 10  # seconds for requests that are under way when told to stop
limit_request_line = 8190  # a GET webhook carries all its fields in here
# Whether a peer may speak for the asker is decided per request, see asker.py.
secure_scheme_headers: dict[str, str] = {}
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - memory, not disk
control_socket_disable = True  # nobody asks it, and it would need a writable home
accesslog = None  # the webhooks have a line each of their own
logconfig_dict = logs.configuration(_settings.log_level)
worker.REQUEST_SECONDS = _settings.request_seconds
worker.MAX_BODY_BYTES = _settings.max_body_bytes


def post_worker_init(running: Any) -> None:
    """Start the background threads, which do not survive a fork, and tell where we listen."""
    service_of(running.wsgi).start()
    logger = logging.getLogger("ncco_service")
    for listener in running.sockets:
        host, port = listener.getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        logs.event(logger, "listening", url=url)


def worker_exit(_server: Any, exiting: Any) -> None:
    """Stop the background threads."""
    if getattr(exiting, "wsgi", None):
        service_of(exiting.wsgi).stop()
