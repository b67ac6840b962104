"""What a peer meets first: listening, the handshake, authentication, HTTP responses, metrics.

Public: `Handshakes`, `Health`, `Metrics`, `MetricsServer`, the `authenticator` of a mode, and what
it takes to listen.
"""

from .authentication import UNSET, authenticator
from .handshake import Handshakes
from .health import OPEN, Health
from .listening import BACKLOG, CannotListen, listening_socket, raise_file_limit, url_of
from .metrics import Metrics
from .metrics_server import MetricsServer

__all__ = [
    "BACKLOG",
    "OPEN",
    "UNSET",
    "CannotListen",
    "Handshakes",
    "Health",
    "Metrics",
    "MetricsServer",
    "authenticator",
    "listening_socket",
    "raise_file_limit",
    "url_of",
]
