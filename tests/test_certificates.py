"""The keeper of the certificate of one's own domain, without its container."""

from __future__ import annotations

import runpy
import stat
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def keeper(tmp_path: Path) -> dict[str, Any]:
    """Return the keeper's names, with a folder of the test's for its volume."""
    names = runpy.run_path(str(ROOT / "gateway/certificates/keep.py"))
    names["publish"].__globals__.update(SITE=tmp_path / "site.pem", VOLUME=tmp_path)
    (tmp_path / "fullchain.pem").write_text("chain\n")
    (tmp_path / "privkey.pem").write_text("key\n")
    return names


def test_certificate_and_key_are_published_together(keeper: dict[str, Any], tmp_path: Path) -> None:
    """They are one file, for nobody but its owner, and the same is not written twice."""
    assert keeper["publish"](tmp_path) is True
    site = tmp_path / "site.pem"
    assert site.read_text() == "chain\nkey\n"
    assert stat.S_IMODE(site.stat().st_mode) == 0o600
    before = site.stat().st_mtime_ns
    assert keeper["publish"](tmp_path) is False
    assert site.stat().st_mtime_ns == before
    (tmp_path / "fullchain.pem").write_text("renewed\n")
    assert keeper["publish"](tmp_path) is True
    assert site.read_text() == "renewed\nkey\n"
    assert not list(tmp_path.glob("*.new"))


def test_certbot_that_fails_is_told_in_words(
    keeper: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What to look at is said, and nothing is published."""
    keep = keeper["keep"]
    keep.__globals__["command"] = lambda *_: ["false"]
    assert keep("calls.example.com", "https://authority.example/dir", "") is False
    assert "no certificate for calls.example.com: certbot ended with 1" in capsys.readouterr().out
    keep.__globals__["command"] = lambda *_: [str(tmp_path / "no-such-program")]
    assert keep("calls.example.com", "https://authority.example/dir", "") is False
    assert "no-such-program" in capsys.readouterr().out
    assert not (tmp_path / "site.pem").exists()


def test_a_name_that_no_authority_knows_is_left_alone(keeper: dict[str, Any]) -> None:
    """Let's Encrypt is not asked about names under .localhost, another authority is."""
    authority = keeper["AUTHORITY"]
    assert not keeper["is_public"]("calls.localhost", authority)
    assert keeper["is_public"]("calls.example.com", authority)
    assert keeper["is_public"]("calls.localhost", "https://authority.example/dir")
    assert keeper["check"]("calls.localhost", authority) == 0
