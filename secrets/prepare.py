"""Puts each secret into a file, for the services that need it and for no other.

Run by docker-compose.yml before the services start. Nothing is ever printed.

Usage: prepare.py [--random] FILE...

The file's name is the secret's: FILE /run/socket/socket_secret takes the environment variable
SOCKET_SECRET or, when that is empty, the file /run/secrets/socket_secret, which Compose mounts.
When both are empty the secret is unset and its file is empty; after --random it stays as it was,
and the first time becomes 256 random bits.
"""

import os
import secrets
import sys
from pathlib import Path

GIVEN = Path("/run/secrets")


def main() -> None:
    """Write the files named by the arguments, each whole or not at all."""
    random = False
    for argument in sys.argv[1:]:
        if argument == "--random":
            random = True
            continue
        path = Path(argument)
        value = given(path.name)
        if not value and random:
            value = path.read_text() if path.exists() else secrets.token_hex(32)
        write(path, value)


def given(name: str) -> str:
    """Return what the user set, or an empty string."""
    value = os.environ.get(name.upper(), "")
    file = GIVEN / name
    # An empty file means unset, and its size can be seen even where it cannot be read.
    if not value and file.exists() and file.stat().st_size:
        try:
            value = file.read_text()
        except OSError as error:
            sys.exit(
                f"The file that {name.upper()}_FILE names cannot be read: {error.strerror}.\n"
                "A container sees your files as a stranger does: chmod o+r it, and keep it in a\n"
                "folder that only you can enter."
            )
    return value.strip()


def write(path: Path, value: str) -> None:
    """Replace the file. Everyone may read it: who can see it at all is a matter of mounts."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(value)
    new.chmod(0o444)
    new.replace(path)


if __name__ == "__main__":
    main()
