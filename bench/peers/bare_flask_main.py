"""Starts a bare view under gunicorn, as ncco-service starts its application."""

from gevent import monkey  # type: ignore[import-untyped]  # gevent has no types

monkey.patch_all()  # as there: before anything else takes sockets from the standard library

import sys

from gunicorn.app.wsgiapp import run  # type: ignore[import-untyped]  # nor has gunicorn

if __name__ == "__main__":
    sys.argv = [
        "bare-flask",
        "--config=python:bench.peers.bare_flask_conf",
        f"bench.peers.bare_flask:{sys.argv[1]}",
    ]
    run()
