"""The bench's runs that the documentation quotes, by their names in bench/results."""

from __future__ import annotations

__all__ = ["ANSWERS", "HOPS", "PATHS", "SERVERS", "SOAK"]

SERVERS = "2026-11-22-1956-8ee1620"
SOAK = "2026-11-22-soak"
PATHS = "2026-11-26-0327-paths-44399e0"
HOPS = "2026-11-25-2341-gateway-7486088"
ANSWERS = "2026-11-26-0334-answers-44399e0"
