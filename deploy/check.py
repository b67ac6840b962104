"""Checks the files for Kubernetes and Cloud Run against the schemas of those that read them.

Kubernetes' own kinds by its published schemas, where an unknown key is an error. The operators'
kinds by generated models, which ignore unknown keys: so what they have read must be what was
written.
"""

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from cloudcoil.models.keda.v1alpha1 import ScaledObject
from cloudcoil.models.knative_serving.serving.v1 import Service
from cloudcoil.models.prometheus_operator.v1 import PodMonitor, PrometheusRule

HERE = Path(__file__).resolve().parent
VERSIONS = ("1.32", "1.37")
"""The oldest and the newest Kubernetes that the files are for."""
MODELS = {
    "keda.sh/v1alpha1": {"ScaledObject": ScaledObject},
    "monitoring.coreos.com/v1": {"PodMonitor": PodMonitor, "PrometheusRule": PrometheusRule},
    "serving.knative.dev/v1": {"Service": Service},
}
ELSEWHERE = {"gateway.networking.k8s.io/v1"}
"""No package has its schema; tests/deploy/test_files.py looks at names, ports and paths."""


def main() -> int:
    """Check everything; print each problem, then how much was looked at."""
    seen = [(name, thing) for name, thing in rendered()]
    problems = [f"{name}: {problem}" for name, thing in seen for problem in wrong(thing)]
    print(*problems, f"{len(seen)} objects, {len(problems)} problems", sep="\n")
    return int(bool(problems) or not seen)


def rendered() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object with its file or folder."""
    for file in sorted(HERE.glob("kubernetes/*/kustomization.yaml")):
        command = ["kubectl", "kustomize", str(file.parent)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for thing in yaml.safe_load_all(text):
            yield f"{file.parent.name}: {thing['kind']} {thing['metadata']['name']}", thing
    for file in sorted(HERE.glob("cloud-run/*.yaml")):
        yield str(file.relative_to(HERE)), yaml.safe_load(file.read_text())


def wrong(thing: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one object."""
    group, kind = thing["apiVersion"], thing["kind"]
    if group in ELSEWHERE:
        return
    if model := MODELS.get(group, {}).get(kind):
        try:
            read = model.model_validate(thing)
        except ValueError as error:
            yield str(error)
            return
        written = read.model_dump(by_alias=True, exclude_unset=True, mode="json")
        yield from different(thing, written, kind)
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(thing, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            path = ".".join(str(part) for part in error.path)
            yield f"Kubernetes {version}: {path}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError:
            yield f"Kubernetes {version} has no {kind} of {group}"


@functools.singledispatch
def different(given: Any, read: Any, path: str) -> Iterator[str]:
    """Yield where what was read differs from what was given: keys that the schema does not know."""
    if given != read:
        yield f"{path}: {given!r} is not what the schema knows"


@different.register
def _(given: dict, read: Any, path: str) -> Iterator[str]:
    for key, value in given.items():
        yield from different(
            value, read.get(key) if isinstance(read, dict) else None, f"{path}.{key}"
        )


@different.register
def _(given: list, read: Any, path: str) -> Iterator[str]:
    other = read if isinstance(read, list) else [None] * len(given)
    for index, (value, was) in enumerate(zip(given, other, strict=True)):
        yield from different(value, was, f"{path}[{index}]")


if __name__ == "__main__":
    sys.exit(main())
