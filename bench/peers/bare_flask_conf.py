"""Runs the bare view under the gunicorn that ncco-service runs under."""

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
    """Tell the bench where this peer listens."""
    serving.announce(worker.sockets[0].getsockname()[1])
