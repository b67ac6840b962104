"""What the demo and the whole-stack tests expect of a running stack, whatever it runs on."""

from __future__ import annotations

from typing import Literal, Protocol

__all__ = ["SERVICES", "Service", "Stack", "StackError"]

Service = Literal["ncco-service", "echo-service"]
SERVICES: tuple[Service, ...] = ("echo-service", "ncco-service")


class StackError(Exception):
    """A service did not come up or did not stop; says what its log said last."""


class Stack(Protocol):
    """Both services, reachable from this machine; a context manager that always takes them down."""

    kind: str
    """``processes`` or ``compose``."""

    @property
    def answer_url(self) -> str:
        """The answer URL, as one would paste it into Vonage's dashboard."""

    @property
    def socket_url(self) -> str:
        """The echo service's socket, ``ws://``."""

    def logs(self, service: Service) -> str:
        """All that the service has logged so far."""

    def kill(self, service: Service) -> None:
        """End the service at once, as ``kill -9`` would."""

    def stop(self, service: Service, wait: float = 15.0) -> int:
        """Ask the service to end and return its exit status.

        Raise :exc:`StackError` when it still runs after *wait* seconds.
        """

    def start(self, service: Service) -> None:
        """Start a stopped or killed service again, under the same address; a running one stays."""

    def wait_ready(self, timeout: float = 20.0) -> None:
        """Return when a call would work; raise :exc:`StackError` after *timeout* seconds."""
