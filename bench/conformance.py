"""`make conformance`: the Autobahn TestSuite's fuzzing client against echo-service.

The suite is Python 2 code. It needs a Python 2.7 interpreter with pip: `PYTHON27`, `python2.7` on
the PATH, or one of pyenv's. Where there is none, this says so and ends well.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.files import write_whole
from bench.peers.catalogue import BENCH, OURS, PEERS, named
from bench.processes import Cores
from bench.server import Server, ServerError

__all__ = ["main", "python27", "summary"]

SUITE = "autobahntestsuite==25.10.1"
INSTALLED = BENCH / "build" / "autobahn" / "site-packages"
REPORTS = BENCH / "build" / "conformance"
RUN_SECONDS = 1800
START = """\
import site, sys
site.addsitedir(sys.argv.pop(1))  # not PYTHONPATH: some of its packages need their .pth files
from autobahntestsuite.wstest import run
run()
"""
GOOD = {"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"}
"""Results that the suite itself does not count as failures."""

NO_COMPRESSION = ["12.*", "13.*"]
"""permessage-deflate, which is not offered: audio compresses badly, and frames would cost more."""

ENVIRON = {
    # Audio is echoed, texts are not; most of the suite is about texts.
    "ECHO_TEXT_FOR_TESTS": "1",
    # The suite's largest message is 16 MiB.
    "MAX_MESSAGE_BYTES": str(16 * 2**20),
}


def python27() -> str | None:
    """Return a working Python 2.7, or None."""
    for candidate in _candidates():
        try:
            done = subprocess.run(  # noqa: S603 - an interpreter, asked for its version
                [candidate, "-c", "import sys, pip; print(sys.version_info[:2] == (2, 7))"],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except OSError:
            continue
        if done.stdout.strip() == "True":
            return candidate
    return None


def _candidates() -> Iterator[str]:
    if given := os.environ.get("PYTHON27"):
        yield given
    if found := shutil.which("python2.7"):
        yield found
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob("versions/2.7*/bin/python2.7")), reverse=True)


def summary(cases: dict[str, dict[str, Any]]) -> tuple[str, bool]:
    """Summarise the suite's report.

    Args:
        cases: by number, as in the suite's index.json.

    Returns:
        Markdown with the counts and every case that is not OK; whether there is no failure.

    """
    behaviours = collections.Counter(case["behavior"] for case in cases.values())
    closes = collections.Counter(case["behaviorClose"] for case in cases.values())
    odd = {
        number: case
        for number, case in cases.items()
        if (case["behavior"], case["behaviorClose"]) != ("OK", "OK")
    }
    lines = [
        f"{len(cases)} cases.",
        f"Behaviour: {_counts(behaviours)}. Closing: {_counts(closes)}.",
    ]
    if odd:
        lines += ["", "| case | behaviour | closing |", "| --- | --- | --- |"]
        lines += [
            f"| {number} | {odd[number]['behavior']} | {odd[number]['behaviorClose']} |"
            for number in sorted(odd, key=_order)
        ]
    passed = bool(cases) and set(behaviours) <= GOOD and set(closes) <= GOOD
    return "\n".join(lines), passed


def _counts(counter: collections.Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


def _order(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


def _install(python: str) -> None:
    if (INSTALLED / "autobahntestsuite").exists():
        return
    print("installing the Autobahn TestSuite (a minute, the first time)", file=sys.stderr)
    partial = INSTALLED.with_name("partial")
    shutil.rmtree(partial, ignore_errors=True)
    subprocess.run(  # noqa: S603 - pip of the interpreter that was found
        [python, "-m", "pip", "install", "-q", "--target", str(partial), SUITE],
        check=True,
        stderr=subprocess.DEVNULL,  # that Python 2 is past its end is known
        timeout=900,
        env={**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONPATH": ""},
    )
    shutil.rmtree(INSTALLED, ignore_errors=True)
    partial.replace(INSTALLED)


def _cases(python: str, agent: str, port: int, cases: list[str]) -> dict[str, dict[str, Any]]:
    folder = REPORTS / agent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    specification = folder / "fuzzingclient.json"
    write_whole(
        specification,
        json.dumps(
            {
                "outdir": str(folder),
                "servers": [{"agent": agent, "url": f"ws://127.0.0.1:{port}/socket"}],
                "cases": cases,
                "exclude-cases": NO_COMPRESSION,
                "exclude-agent-cases": {},
            }
        ),
    )
    with (folder / "wstest.log").open("w") as log:
        subprocess.run(  # noqa: S603 - the suite
            [
                python,
                "-c",
                START,
                str(INSTALLED),
                "--mode=fuzzingclient",
                f"--spec={specification}",
            ],
            check=True,
            cwd=folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=RUN_SECONDS,
            env={**os.environ, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore"},
        )
    index: dict[str, dict[str, Any]] = json.loads((folder / "index.json").read_text())[agent]
    return index


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.conformance", description=__doc__)
    parser.add_argument("--peer", default=OURS, choices=[peer.name for peer in PEERS])
    parser.add_argument("--cases", default="*", help="such as 1.*,5.* (default: all)")
    options = parser.parse_args()
    python = python27()
    if python is None:
        print("skipped: the suite needs Python 2.7; none was found (set PYTHON27 to one)")
        return 0
    peer = named(options.peer)
    if reason := peer.missing():
        print(f"conformance: {peer.name}: {reason}", file=sys.stderr)
        return 1
    try:
        _install(python)
        with Server(peer.command, {**peer.environ, **ENVIRON}, Cores().server) as server:
            cases = _cases(python, peer.name, server.port, options.cases.split(","))
    except (ServerError, OSError, subprocess.SubprocessError) as error:
        print(f"conformance: {error}\nSee {REPORTS / peer.name / 'wstest.log'}", file=sys.stderr)
        return 1
    text, passed = summary(cases)
    print(f"# Autobahn TestSuite, {peer.label}\n\n{text}")
    print(f"\nEach case's report: {REPORTS / peer.name / 'index.html'}", file=sys.stderr)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
