"""Runs the bare view under the gunicorn that ncco-service runs under."""

from __future__ import annotations

from typing import Any

from ncco_service import gunicorn_conf

from bench.peers import serving

bind = gunicorn_conf.bind
worker_class = gunicorn_conf.worker_class
workers = gunicorn_conf.workers
threads = gunicorn_conf.threads
keepalive = gunicorn_conf.keepalive
worker_tmp_dir = gunicorn_conf.worker_tmp_dir
control_socket_disable = True
accesslog = None


def post_worker_init(worker: Any) -> None:
    """Tell the bench where this peer listens."""
    serving.announce(worker.sockets[0].getsockname()[1])
