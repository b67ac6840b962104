"""docs/phone.md does what it says, on an application that is not ours."""

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[4] / "docs/phone.md").read_text("utf-8")
BLOCKS = [
    textwrap.dedent("".join(lines)).strip()
    for indented, lines in groupby(
        GUIDE.splitlines(keepends=True), lambda line: line.startswith("    ") or line == "\n"
    )
    if indented
]
BLOCKS = [block for block in BLOCKS if block]
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("phone ")]
SAMPLES = {  # what a command prints, where the guide shows it: below it, or in the next block
    first.partition("\n")[0]: first.partition("\n\n")[2] or second
    for first, second in pairwise(BLOCKS)
    if first.startswith("phone ")
    and ("\n\n" in first or not second.startswith(("phone ", "from ", "import ")))
}
STATUS = {"doctor": 3}  # a call would work, but there are warnings
SECONDS = 50


@pytest.fixture(scope="module")
def url(start: Callable[[str], str]) -> str:
    """Return the tutorial's answer URL."""
    return start("servers/flask_tutorial.py") + "/webhooks/answer"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the guide's reader works."""
    return tmp_path_factory.mktemp("reader")


def run(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    """Run a program of the root's environment; return its exit status and what it printed."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    result = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PATH": path} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def served(folder: Path, *command: str) -> None:
    """Run a server until it serves; interrupt it, and expect it to end well."""
    program = [sys.executable, "-m", "phone", *command[1:]]
    with subprocess.Popen(program, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("serving http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0


def shape(text: str) -> str:
    """Return text without its numbers."""
    return re.sub(r"[\d.,]*\d", "0", text)


def block(start: str) -> str:
    """Return the guide's only block that begins so."""
    (found,) = [text for text in BLOCKS if text.startswith(start)]
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(url: str, folder: Path, command: str) -> None:
    """Each command exits as the guide says, and prints what it shows."""
    words = [url if word == "URL" else word for word in shlex.split(command)]
    if words[1] == "platform" and "--init" not in words:
        served(folder, *words, "--port", "0")
        return
    status, printed = run(folder, *words)
    assert status == STATUS.get(words[1], 0), printed
    for line in SAMPLES.get(command, "").splitlines():
        assert shape(line.partition("…")[0].strip()) in shape(printed)


def test_the_guide_shows_something() -> None:
    """The blocks were found: every subcommand, and what three of them print."""
    assert {command.split()[1] for command in COMMANDS} == {
        "call",
        "doctor",
        "load",
        "platform",
        "replay",
    }
    assert {command.split()[1] for command in SAMPLES} == {"call", "doctor", "load"}


def test_from_python(url: str, folder: Path) -> None:
    """The library's example prints that the call worked, and the warnings."""
    script = block("from phone import").replace("http://…/webhooks/answer", url)
    status, printed = run(folder, sys.executable, "-c", script)
    assert status == 0, printed
    assert printed.startswith("True ")
    assert "warning socket 1 text message" in printed


def test_in_pytest(url: str, folder: Path) -> None:
    """Of the guide's two tests the first passes, the second fails as shown."""
    (folder / "test_reader.py").write_text(block("import os"), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n")
    status, printed = run(folder, sys.executable, "-m", "pytest", "-q", ANSWER_URL=url)
    assert status == 1
    assert "1 failed, 1 passed" in printed
    assert shape(block("AssertionError")) in shape(printed)
