"""The options for signed webhooks, shared by the subcommands; a secret may come from the
environment or a file, where other users of the machine do not see it.
"""

import argparse
import os
from pathlib import Path
from typing import TypedDict

from phone.constants import API_KEY

__all__ = ["SecretError", "Signing", "add_signing", "signing_from"]

SECRET = "VONAGE_SIGNATURE_SECRET"  # noqa: S105 - a variable's name


class SecretError(ValueError):
    """The file with the secret cannot be used."""


class Signing(TypedDict):
    """The settings of a plan that sign."""

    signature_secret: str | None
    api_key: str
    application_id: str | None


def add_signing(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("signed webhooks")
    group.add_argument(
        "--signature-secret",
        metavar="SECRET",
        help=f"sign like Vonage; default: {SECRET} in the environment, or the file {SECRET}_FILE",
    )
    group.add_argument(
        "--signature-secret-file", type=Path, metavar="FILE", help="holds the secret"
    )
    group.add_argument(
        "--api-key", help="of the account, in signatures; default: VONAGE_API_KEY, else made up"
    )
    group.add_argument(
        "--application-id", help="in signatures; default: VONAGE_APPLICATION_ID, else none"
    )


def signing_from(namespace: argparse.Namespace) -> Signing:
    """Return what the options and the environment say; an empty variable counts as unset.

    Raises:
        SecretError: the file cannot be read, or is empty.

    """
    environ = os.environ
    secret = namespace.signature_secret
    file = namespace.signature_secret_file
    if secret is None and file is None:
        secret = environ.get(SECRET) or None
        named = environ.get(f"{SECRET}_FILE")
        # Compose mounts a file whether or not there is a secret; an empty one means unset.
        if named and secret is None:
            secret = _read(Path(named)) or None
    elif secret is None:
        secret = _read(file)
        if not secret:
            raise SecretError(f"{file} is empty; write the signature secret into it")
    return {
        "signature_secret": secret,
        "api_key": namespace.api_key or environ.get("VONAGE_API_KEY") or API_KEY,
        "application_id": namespace.application_id or environ.get("VONAGE_APPLICATION_ID") or None,
    }


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError(f"the signature secret's file cannot be read: {error}") from error
