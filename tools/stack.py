"""Interface of a running stack, for the demo and the whole-stack tests."""

from __future__ import annotations

from typing import Literal, Protocol

__all__ = ["SERVICES", "Service", "Stack", "StackError"]

Service = Literal["ncco-service", "echo-service"]
SERVICES: tuple[Service, ...] = ("echo-service", "ncco-service")


class StackError(Exception):
    """A service did not start or did not stop. Says what it logged last."""


class Stack(Protocol):
    """Both services, reachable from this machine. A context manager that always stops them."""

    kind: str
    """`processes` or `compose`."""

    @property
    def answer_url(self) -> str:
        """The answer URL for Vonage's dashboard."""

    @property
    def socket_url(self) -> str:
        """The echo service's socket, `ws://`."""

    def logs(self, service: Service) -> str:
        """Return everything that the service has logged so far."""

    def kill(self, service: Service) -> None:
        """Kill the service, like `kill -9`."""

    def stop(self, service: Service, wait: float = 60.0) -> int:
        """Stop the service with SIGTERM; return its exit status.

        Raise `StackError` when it still runs after `wait` seconds.
        """

    def start(self, service: Service) -> None:
        """Start a stopped or killed service at the same address; leave a running one alone."""

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until a call would work; raise `StackError` after `timeout` seconds."""
