"""Generate `.env.example` from the services' own lists of settings.

`python -m tools.env_example` prints it; `make env-example` writes it.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import echo_service.settings
import ncco_service.settings

__all__ = ["text"]

HEAD = """\
# Every setting, with its default in Compose. Copy to `.env` and change what you need; all are
# optional.
# Generated: change settings/table.py of the service, then run `make env-example`.
"""

COMPOSE = (
    (
        "COMPOSE_PROFILES",
        "",
        "metrics starts Prometheus and Grafana, too (docs/deploy.md), network a simulated "
        "telephone network (docs/outbound.md).",
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
    ("ACME_EMAIL", "", "Where the authority writes to when a certificate of that domain runs out."),
    (
        "ACME_DIRECTORY",
        "",
        "Another authority than Let's Encrypt: the URL of its ACME directory.",
    ),
    ("HTTP_PORT", "80", "The port of this machine for that domain's certificates."),
    ("HTTPS_PORT", "443", "The port of this machine for that domain."),
    (
        "GATEWAY_FILES",
        "4096",
        "Files that the gateway may have open: two for each call. Raise it for over 2,000 calls, "
        "and GATEWAY_MEMORY too.",
    ),
    (
        "GATEWAY_MEMORY",
        "512M",
        "Memory of the gateway: 7 KiB a call, and 84 KiB for each body that stalls.",
    ),
    ("PROMETHEUS_PORT", "9090", "The port of this machine (loopback only) for Prometheus."),
    ("GRAFANA_PORT", "3000", "The port of this machine (loopback only) for Grafana."),
    ("PROMETHEUS_IMAGE", "prom/prometheus:v2.53.0", "Prometheus' image."),
    ("GRAFANA_IMAGE", "grafana/grafana:11.2.0", "Grafana's image."),
    ("STOP_GRACE_PERIOD", "45s", "How long a stop may take; keep it above DRAIN_SECONDS."),
)
"""Settings of Compose itself, which the services do not know: name, default, help."""

COMPOSE_FILE = Path(__file__).resolve().parent.parent / "docker-compose.yml"


def text() -> str:
    """Return the file's content: Compose's settings, then each service's."""
    parts = [HEAD, _title("docker compose")]
    parts += [_entry(*entry) for entry in COMPOSE]
    seen = {name for name, _, _ in COMPOSE}
    for title, variables in (
        ("ncco-service", ncco_service.settings.VARIABLES),
        ("echo-service", echo_service.settings.VARIABLES),
    ):
        defaults = compose_defaults(title)
        parts.append(_title(title))
        parts += [
            _entry(each.name, defaults[each.name] or each.default, each.help)
            for each in variables
            if each.name in defaults and each.name not in seen
        ]
        seen |= defaults.keys()
        parts.append(f"# For {title} run by hand; `.env` does not change these.\n")
        parts += [
            _entry(each.name, each.default, each.help)
            for each in variables
            if each.name not in defaults
        ]
    return "\n".join(parts)


def compose_defaults(service: str) -> dict[str, str]:
    """Return what `.env` can set of a service in Compose.

    Args:
        service: its name in docker-compose.yml.

    Returns:
        The default by the setting's name; empty where Compose leaves the default to the service.

    """
    whole = COMPOSE_FILE.read_text()
    block = re.split(r"\n(?=  \S)", whole.partition(f"\n  {service}:\n")[2])[0]
    defaults = dict.fromkeys(re.findall(r"^      ([A-Z_]+):(?: #.*)?$", block, re.MULTILINE), "")
    files = whole.partition("\nsecrets:\n")[2]  # for what a service has as a file of its own
    names = re.findall(r"^      ([A-Z_]+)_FILE: /run/", block, re.MULTILINE)
    defaults |= {name + suffix: "" for name in names for suffix in ("", "_FILE") if name in files}
    for name, default in re.findall(r"\$\{([A-Z_]+):-([^\n]*?)\}(?=[:\s])", block):
        # What Compose has only in a certain case is told by that case's value.
        defaults[name] = re.sub(r"^\$\{[A-Z_]+:\+(.*)\}$", r"\1", default)
    return defaults


def _title(name: str) -> str:
    return f"\n# --- {name} {'-' * (90 - len(name))}\n"


def _entry(name: str, default: str, why: str) -> str:
    lines = textwrap.wrap(why, 96, initial_indent="# ", subsequent_indent="# ")
    return "\n".join([*lines, f"#{name}={default}", ""])


if __name__ == "__main__":
    print(text(), end="")
