"""Keeps the certificate of your own domain: runs certbot, which gets or renews it, twice a day.

The authority checks the domain by a request to its port 80, which the gateway forwards to certbot's
own server here. The certificate and its key end up in one file, which the gateway reads.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

VOLUME = Path("/certificates")
TEMPORARY = Path("/tmp")  # noqa: S108 - the container's own
SITE = VOLUME / "site.pem"
AUTHORITY = "https://acme-v02.api.letsencrypt.org/directory"
AGAIN_SECONDS = 12 * 3600.0
"""certbot renews when a third of the time is left, and does nothing before that."""
FAILED_SECONDS = (60.0, 20 * 60.0)
"""After the first failure, and after each further one: Let's Encrypt allows five an hour."""
GATEWAY_SECONDS = 60.0
CERTBOT_SECONDS = 600.0


def say(text: str) -> None:
    """Write a line of the log."""
    print(f"certificates: {text}", flush=True)


def command(name: str, authority: str, email: str) -> list[str]:
    """Return certbot's command line, which gets a certificate or renews it if it is time.

    Args:
        name: the domain.
        authority: URL of its ACME directory.
        email: for the authority's account; empty: none.

    """
    account = ["--email", email] if email else ["--register-unsafely-without-email"]
    folders = {
        "--config-dir": VOLUME / "certbot",
        "--work-dir": TEMPORARY / "work",
        "--logs-dir": TEMPORARY / "logs",
    }
    return [
        "certbot", "certonly", "--standalone", "--http-01-port", "8080", "--domain", name,
        "--cert-name", name, "--keep-until-expiring", "--non-interactive", "--agree-tos",
        "--server", authority, *account,
        *(str(part) for folder in folders.items() for part in folder),
    ]  # fmt: skip


def publish(folder: Path) -> bool:
    """Put certificate and key into the gateway's file, whole or not at all.

    Args:
        folder: of certbot's files.

    Returns:
        Whether it changed.

    """
    text = "".join((folder / name).read_text() for name in ("fullchain.pem", "privkey.pem"))
    if SITE.exists() and SITE.read_text() == text:
        return False
    new = SITE.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(SITE)
    return True


def wait_for_gateway() -> None:
    """Wait until the gateway listens: the authority's request has to pass through it."""
    until = time.monotonic() + GATEWAY_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("gateway", 80), 2).close()
        except OSError:
            time.sleep(1)
        else:
            return


def keep(name: str, authority: str, email: str) -> bool:
    """Get or renew the certificate; return whether there is one."""
    try:
        certbot = command(name, authority, email)
        subprocess.run(certbot, timeout=CERTBOT_SECONDS, check=True)  # noqa: S603 - no shell
        if publish(VOLUME / "certbot" / "live" / name):
            say(f"{name} has a certificate by {authority}")
    except subprocess.CalledProcessError as error:
        say(
            f"no certificate for {name}: certbot ended with {error.returncode}, as it says above. "
            "The name must lead to this machine, with ports 80 and 443 open to the internet"
        )
        return False
    except (subprocess.TimeoutExpired, OSError) as error:
        say(f"no certificate for {name}: {error}")
        return False
    return True


def is_public(name: str, authority: str) -> bool:
    """Return whether the authority may know the name."""
    return not name.endswith(".localhost") or authority != AUTHORITY


def check(name: str, authority: str) -> int:
    """Return 0 if there is a certificate that is valid for another day, or none can be issued."""
    if not is_public(name, authority):
        return 0
    day = ["openssl", "x509", "-noout", "-checkend", "86400", "-in", str(SITE)]
    return subprocess.run(day, timeout=5).returncode  # noqa: S603 - no shell


def main() -> int:
    """Keep the certificate until the container stops; with the argument `check`, look at it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    name = os.environ["SITE_ADDRESS"]
    authority = os.environ.get("ACME_DIRECTORY") or AUTHORITY
    if sys.argv[1:] == ["check"]:
        return check(name, authority)
    if not is_public(name, authority):
        say(f"no authority issues a certificate for {name}; the gateway's self-signed one stays")
        signal.pause()
    wait_for_gateway()
    failures = 0
    while True:
        if keep(name, authority, os.environ.get("ACME_EMAIL", "")):
            failures = 0
            pause = AGAIN_SECONDS + random.uniform(0, 3600)  # noqa: S311 - not all at the same time
        else:
            pause = FAILED_SECONDS[min(failures, 1)]
            failures += 1
            say(f"next attempt in {pause / 60:.0f} minutes")
        time.sleep(pause)


if __name__ == "__main__":
    sys.exit(main())
