"""The script that starts the gateway, with a stand-in for HAProxy."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from echo_service.settings import Settings, SettingsError

ROOT = Path(__file__).resolve().parent.parent


def started(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the script; its stand-in writes what it was given."""
    stand_in = folder / "haproxy"
    stand_in.write_text('#!/bin/sh\necho "silent $SILENT_SECONDS buffer $BUFFER_BYTES"\n')
    stand_in.chmod(0o755)
    return subprocess.run(
        ["sh", str(ROOT / "gateway/start")],
        env={"PATH": f"{folder}:{os.environ['PATH']}", **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("silence", "seconds"),
    [("", 65), ("60", 65), ("060", 65), ("1.5", 6), ("1", 6), ("86400", 86405)],
)
def test_silence_is_longer_than_in_echo_service(tmp_path: Path, silence: str, seconds: int) -> None:
    """By five seconds, and what one takes the other takes."""
    done = started(tmp_path, SILENCE_SECONDS=silence)
    assert (done.returncode, done.stdout) == (0, f"silent {seconds} buffer {65536 + 20480}\n")
    Settings.from_env({"SILENCE_SECONDS": silence})


@pytest.mark.parametrize(
    "silence", ["0", "0.5", "86401", "86400.5", "1e9", "1e3", "-1", "1.", "1.2.3", "60s", "inf"]
)
def test_silence_is_refused_by_both(tmp_path: Path, silence: str) -> None:
    """In the same words, and HAProxy is not started."""
    done = started(tmp_path, SILENCE_SECONDS=silence)
    assert (done.returncode, done.stdout) == (78, "")
    assert f'SILENCE_SECONDS is "{silence}"; give seconds from 1 to 86400' in done.stderr
    with pytest.raises(SettingsError, match="SILENCE_SECONDS is .* give seconds from 1 to 86400"):
        Settings.from_env({"SILENCE_SECONDS": silence})


@pytest.mark.parametrize("name", ["PORT", "MAX_BODY_BYTES", "GATEWAY_FILES"])
@pytest.mark.parametrize("value", ["none", "1e9", "-1", "060"])
def test_what_is_no_number_is_named(tmp_path: Path, name: str, value: str) -> None:
    """With the status of a wrong setting, and HAProxy is not started."""
    done = started(tmp_path, **{name: value})
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith(f'gateway: {name} is "{value}"; set it to a plain number')


def test_a_domain_is_a_name(tmp_path: Path) -> None:
    """Anything else could change the configuration."""
    done = started(tmp_path, SITE_ADDRESS="https://calls.example.com")
    assert done.returncode == 78
    assert "set it to a name such as calls.example.com" in done.stderr
