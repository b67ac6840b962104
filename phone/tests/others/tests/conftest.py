"""The servers, each a process of its own."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
LISTENING = re.compile(r"listening url=(http://127\.0\.0\.1:\d+)")
STOP_SECONDS = 5.0


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Return a function that starts a server program, once, and returns its http:// address."""
    running: dict[str, tuple[subprocess.Popen[str], str]] = {}

    def begin(program: str) -> str:
        if program in running:
            return running[program][1]
        interpreter = "node" if program.endswith(".js") else str(HERE / ".venv/bin/python")
        log = tmp_path_factory.mktemp("servers") / "stderr.txt"
        with log.open("w") as errors:
            process = subprocess.Popen(
                [interpreter, str(HERE / program)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert process.stdout is not None
        line = process.stdout.readline()  # ends with the process, at the latest
        match = LISTENING.match(line)
        if match is None:
            process.kill()
            process.wait()
            pytest.fail(f"{program} did not start: {line}{log.read_text()}", pytrace=False)
        running[program] = process, match[1]
        return match[1]

    try:
        yield begin
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    """Fail with advice where the servers are not installed: nothing here installs them."""
    if not (HERE / ".venv/.ready").exists() or not (HERE / "node/node_modules/.ready").exists():
        advice = "make -C phone/tests/others setup"
        pytest.fail(f"the servers are not installed; run: {advice}", pytrace=False)
