"""Metrics of your own handlers, served beside those of the service."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

__all__ = ["METRICS"]

METRICS = CollectorRegistry()
"""Registry for a handler's own metrics: `Counter("orders", "Orders taken", registry=METRICS)`.

Names that begin with `echo_`, `process_` or `python_` are the service's."""
