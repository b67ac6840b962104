"""Generate `.env.example` from the services' own lists of settings.

`python -m tools.env_example` prints it; `make env-example` writes it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable
from typing import Protocol

import echo_service.settings
import ncco_service.settings

__all__ = ["text"]

HEAD = """\
# Every setting, with its default. Copy to `.env` and change what you need; all are optional.
# Generated from the code: change the services' settings.py, then run `make env-example`.
"""

COMPOSE = (
    (
        "COMPOSE_PROFILES",
        "",
        "metrics starts Prometheus and Grafana, too (docs/deploy.md).",
    ),
    (
        "NGROK_AUTHTOKEN",
        "",
        "Your token, from dashboard.ngrok.com. It opens the tunnel, so that Vonage can call.",
    ),
    ("NGROK_CONFIG_FILE", "ngrok.yml", "The agent's file in ngrok/; two-domains.yml for two."),
    ("NGROK_IMAGE", "ngrok/ngrok:3-alpine", "The agent's image; old agents stop working."),
    ("GATEWAY_PORT", "8080", "The port of this machine (loopback only) that leads to the gateway."),
    (
        "COMPOSE_FILE",
        "docker-compose.yml",
        "docker-compose.yml:docker-compose.domain.yml for a domain of your own, without a tunnel.",
    ),
    (
        "SITE_ADDRESS",
        "",
        "That domain, such as voice.example.org; certificates come by themselves.",
    ),
    ("HTTP_PORT", "80", "The port of this machine for that domain's certificates."),
    ("HTTPS_PORT", "443", "The port of this machine for that domain."),
    (
        "GATEWAY_FILES",
        "4096",
        "Files that the gateway may have open: two for each call. Raise it for over 2,000 calls, "
        "and GATEWAY_MEMORY too.",
    ),
    ("GATEWAY_MEMORY", "512M", "Memory of the gateway: 100 KiB a call, twice that to be safe."),
    ("PROMETHEUS_PORT", "9090", "The port of this machine (loopback only) for Prometheus."),
    ("GRAFANA_PORT", "3000", "The port of this machine (loopback only) for Grafana."),
    ("PROMETHEUS_IMAGE", "prom/prometheus:v2.53.0", "Prometheus' image."),
    ("GRAFANA_IMAGE", "grafana/grafana:11.2.0", "Grafana's image."),
    ("STOP_GRACE_PERIOD", "45s", "How long a stop may take; keep it above DRAIN_SECONDS."),
)
"""Settings of Compose itself, which the services do not know: name, default, help."""

SET_BY_COMPOSE = {"HOST", "PORT"}
"""Settings that Compose does not pass on: the gateway relies on what the images set."""


class Variable(Protocol):
    """A setting, as a service's `settings.VARIABLES` lists it."""

    @property
    def name(self) -> str:
        """The environment variable."""

    @property
    def default(self) -> str:
        """Its default as an environment variable; empty when unset."""

    @property
    def help(self) -> str:
        """What it does, with units, in one line."""


def text() -> str:
    """Return the file's content: Compose's settings, then each service's."""
    parts = [HEAD, _title("docker compose")]
    parts += [_entry(*entry) for entry in COMPOSE]
    seen = {name for name, _, _ in COMPOSE}
    for title, variables in (
        ("ncco-service", ncco_service.settings.VARIABLES),
        ("echo-service", echo_service.settings.VARIABLES),
    ):
        parts.append(_title(title))
        parts += _entries(variables, seen | SET_BY_COMPOSE)
        seen |= {variable.name for variable in variables}
        alone = [variable for variable in variables if variable.name in SET_BY_COMPOSE]
        parts.append(f"# For {title} run by hand; Compose does not pass these on.\n")
        parts += _entries(alone, set())
    return "\n".join(parts)


def _entries(variables: Iterable[Variable], without: Collection[str]) -> Iterable[str]:
    for variable in variables:
        if variable.name not in without:
            yield _entry(variable.name, variable.default, variable.help)


def _title(name: str) -> str:
    return f"\n# --- {name} {'-' * (90 - len(name))}\n"


def _entry(name: str, default: str, why: str) -> str:
    lines = textwrap.wrap(why, 96, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*lines, f"#{name}={default}", ""])


if __name__ == "__main__":
    print(text(), end="")
