"""Writes each secret into a file, for the services that need it and for no other.

Run by docker-compose.yml before the services start. No secret is ever printed.

Usage: prepare.py LOCK [--random] FILE...

The file's name is the secret's: FILE /run/socket/socket_secret takes the environment variable
SOCKET_SECRET or, when that is empty, the file /run/secrets/socket_secret, which Compose mounts.
When both are empty the secret is unset and its file is empty; after --random it stays as it was,
and becomes 256 random bits where it is missing or too short.

The services read their secrets once, when they start, and hold a shared lock on LOCK as long as
they run. Meanwhile no secret is changed, since the change would have no effect.
"""

import fcntl
import os
import secrets
import sys
import time
from pathlib import Path

GIVEN = Path("/run/secrets")
SHORTEST = {"socket_secret": 32, "socket_secret_previous": 32, "operator_token": 32}
"""Characters that the services require of a secret; 1 of any other."""
PATIENCE = 3.0  # seconds that stopping services have to release the lock
EX_CONFIG = 78  # sysexits.h: something is wrong with the configuration

RUNNING = """\
{names} changed, but ncco-service or echo-service is running with the previous value,
which it read when it started. Nothing was changed. To apply the change (live calls may finish):

    docker compose stop ncco-service echo-service && docker compose up --wait
"""


def main() -> None:
    """Write the files named by the arguments: all of them or none, each whole or not at all."""
    lock, random, wanted = Path(sys.argv[1]), False, {}
    for argument in sys.argv[2:]:
        if argument == "--random":
            random = True
            continue
        path = Path(argument)
        wanted[path] = given(path.name)
        if not wanted[path] and random:
            kept = path.read_text() if path.exists() else ""
            usable = len(kept) >= SHORTEST.get(path.name, 1)
            wanted[path] = kept if usable else secrets.token_hex(32)
    changed = [path for path, value in wanted.items() if current(path) != value]
    lock.touch(0o444)
    with lock.open() as file:
        if changed and not locked(file.fileno()):
            names = ", ".join(path.name.upper() for path in changed)
            print(RUNNING.format(names=names), file=sys.stderr)
            sys.exit(EX_CONFIG)
        for path in changed:
            write(path, wanted[path])


def given(name: str) -> str:
    """Return what the user set, or an empty string.

    Raises:
        SystemExit: it cannot be used; with what was seen and what to do.

    """
    variable = name.upper()
    value = os.environ.get(variable, "").strip()
    file = GIVEN / name
    # An empty file means unset, and its size can be seen even where it cannot be read.
    if not value and file.exists() and file.stat().st_size:
        variable += "_FILE"
        try:
            value = file.read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            print(
                f"The file that {variable} names cannot be read: {error}.\n"
                "The container runs as another user: chmod o+r it, and keep it in a folder that\n"
                "only you can enter.",
                file=sys.stderr,
            )
            sys.exit(EX_CONFIG)
    if value and len(value) < (shortest := SHORTEST.get(name, 1)):
        print(
            f"{variable} has {len(value)} characters; the services require {shortest} or more.\n"
            "`openssl rand -hex 32` makes one. Without a SOCKET_SECRET of yours, one is generated.",
            file=sys.stderr,
        )
        sys.exit(EX_CONFIG)
    return value


def current(path: Path) -> str | None:
    """Return what the file has, or None when there is none."""
    return path.read_text() if path.exists() else None


def locked(file: int) -> bool:
    """Return whether no service runs, by an exclusive lock that ends with this process."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        else:
            return True


def write(path: Path, value: str) -> None:
    """Replace the file. Everyone may read it: the volume's mounts decide who can see it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(value)
    new.chmod(0o444)
    new.replace(path)


if __name__ == "__main__":
    main()
