"""A real Prometheus, on what a service exports; and what its expressions name."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.compose import ROOT
from tests.deploy.programs import program
from tests.engine import free_port
from tests.waiting import until
from tools.stack import Service

__all__ = ["DASHBOARDS", "HOME", "Prometheus", "expressions", "metrics_in"]

HOME = ROOT / "deploy/metrics/prometheus"
DASHBOARDS = sorted((ROOT / "deploy/metrics/grafana/dashboards").glob("*.json"))
WORDS = {"by", "without", "on", "ignoring", "group_left", "or", "and", "unless", "bool", "offset"}


class Prometheus:
    """Prometheus with the house's rules, which asks each service every second.

    Args:
        targets: host and port of each service's metrics.

    """

    def __init__(self, targets: Mapping[Service, str]) -> None:
        self._port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="caw-prometheus-")
        home = Path(self._folder.name)
        config = yaml.safe_load((HOME / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        for job in config["scrape_configs"]:
            del job["dns_sd_configs"]
            job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        (home / "prometheus.yml").write_text(yaml.safe_dump(config))
        (home / "rules.yml").write_text((HOME / "rules.yml").read_text())
        self._command = [
            program("prometheus"),
            f"--config.file={home / 'prometheus.yml'}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
        ]
        self._log = home / "log"

    def __enter__(self) -> Self:
        """Start it; return once it answers."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            until(self._answers, f"Prometheus to answer; it said {self._log.read_text()[-500:]}")
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it and forget what it has kept."""
        self._stop()

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now."""
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}"
        return list(self._get(path)["data"]["result"])

    def rules(self) -> dict[str, dict[str, Any]]:
        """Return each alert rule's state, by name."""
        groups = self._get("/api/v1/rules")["data"]["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=60) as answer:
            return json.load(answer)

    def _answers(self) -> bool:
        try:
            self._get("/api/v1/rules")
        except OSError:
            return False
        return True

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)
        self._folder.cleanup()


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression of the rules and the dashboards, with where it stands."""
    for group in yaml.safe_load((HOME / "rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for file in DASHBOARDS:
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                yield f"{file.stem}: {panel['title']}", target["expr"]


def metrics_in(expression: str) -> set[str]:
    """Return the metrics that an expression names."""
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*\b(?!\s*\()", bare)) - WORDS
