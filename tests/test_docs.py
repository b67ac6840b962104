"""The documentation agrees with the code."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import echo_service.settings
import ncco_service.settings
import pytest

from tools import env_example

ROOT = Path(__file__).resolve().parent.parent
TRACKED = subprocess.run(
    ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
).stdout.split("\0")
PAGES = sorted(name for name in TRACKED if name.endswith(".md"))
PACKAGES = ("echo-service/echo_service/", "ncco-service/ncco_service/", "phone/phone/")
FOLDERS = sorted(
    name for name in TRACKED if name.startswith(PACKAGES) and name.endswith("/__init__.py")
)


def test_env_example_is_current() -> None:
    """`.env.example` has every setting of the code, with its default."""
    text = (ROOT / ".env.example").read_text()
    assert text == env_example.text(), "run: make env-example"
    for variables in (ncco_service.settings.VARIABLES, echo_service.settings.VARIABLES):
        for variable in variables:
            assert f"\n#{variable.name}=" in text, variable.name


def test_troubleshooting_names_the_setting_of_each_published_port() -> None:
    """Whoever finds a port taken is told which setting to change."""
    page = (ROOT / "docs/troubleshooting.md").read_text()
    compose = (ROOT / "docker-compose.yml").read_text()
    published = re.findall(r"- 127\.0\.0\.1:\$\{(\w+):-(\d+)\}:", compose)
    assert len(published) == 5
    for setting, port in published:
        assert f"`{setting}` instead of {port}" in page


def test_the_first_real_call_is_a_signed_one() -> None:
    """Whoever opens the tunnel is told which setting keeps strangers out."""
    page = (ROOT / "docs/first-call.md").read_text()
    steps = page.partition("## A real number")[2].partition("\n## ")[0]
    assert steps.index("NGROK_AUTHTOKEN=") < steps.index("VONAGE_SIGNATURE_SECRET=")
    assert steps.index("VONAGE_SIGNATURE_SECRET=") < steps.index("docker compose up")


def test_settings_exist() -> None:
    """Every setting in the table of docs/settings.md exists."""
    page = (ROOT / "docs/settings.md").read_text()
    rows = re.findall(r"^\| `([A-Z_`, ]+)` \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    known = set(re.findall(r"^#([A-Z_]+)=", env_example.text(), re.MULTILINE))
    assert named
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link of a page leads to an existing file."""
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text)
    missing = [target for target in targets if not (ROOT / page).parent.joinpath(target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    """Every `make` target that a page names exists, in the root or in the page's folder."""
    makefiles = (ROOT / "Makefile", (ROOT / page).parent / "Makefile")
    rules = "".join(file.read_text() for file in makefiles if file.exists())
    known = {name for names in re.findall(r"^([a-z -]+):", rules, re.M) for name in names.split()}
    named = set(re.findall(r"(?:^    |`)make ([a-z][a-z-]*)", (ROOT / page).read_text(), re.M))
    assert named - known == set()


def test_errors_exist() -> None:
    """The errors in the documentation are ones that ncco-service answers."""
    page = (ROOT / "docs/troubleshooting.md").read_text()
    named = re.findall(r"^\| \d{3}, `(\w+)` \|", page, re.MULTILINE)
    named += re.findall(r'"error": "(\w+)"', (ROOT / "docs/wire.md").read_text())
    code = "".join(file.read_text() for file in ROOT.glob("ncco-service/ncco_service/**/*.py"))
    assert named
    assert [name for name in named if f'"{name}"' not in code] == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_its_job_and_what_is_public(folder: str) -> None:
    """The docstring of a package's folder is a sentence, and names all that is in `__all__`."""
    tree = ast.parse((ROOT / folder).read_text())
    docstring = ast.get_docstring(tree) or ""
    assert docstring.partition("\n")[0].endswith(".")
    exported = {
        name
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for name in ast.literal_eval(node.value)
    }
    assert exported - set(re.findall(r"`(\w+)`", docstring)) == set()
