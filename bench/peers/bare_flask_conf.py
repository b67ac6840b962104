"""Gunicorn configuration of the bare view: as ncco-service has it."""

from __future__ import annotations

from typing import Any

from ncco_service import server

from bench.peers import serving

bind = server.bind
worker_class = server.worker_class
workers = server.workers
worker_connections = server.worker_connections
keepalive = server.keepalive
worker_tmp_dir = server.worker_tmp_dir
control_socket_disable = True
accesslog = None


def post_worker_init(worker: Any) -> None:
    """Print the address for the bench to read."""
    serving.announce(worker.sockets[0].getsockname()[1])
