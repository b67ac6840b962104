"""Keys and certificates of a simulated platform: an application's key pair, and an authority."""

import contextlib
import datetime
import ipaddress
import json
import os
import secrets
import ssl
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "PRIVATE_KEY",
    "WEBHOOKS",
    "CredentialsError",
    "init_folder",
    "server_context",
    "write_settings",
]

APPLICATION, PRIVATE_KEY = "application.json", "private.key"
AUTHORITY, AUTHORITY_KEY = "ca.pem", "ca.key"
KEY_BITS = 2048  # of the application's key, as Vonage makes them
AUTHORITY_DAYS, SERVER_DAYS = 3650, 90
NUMBER = "447700900001"  # free for examples, says Ofcom, as are the others here
LOCAL = ("localhost", "127.0.0.1", "::1")
WEBHOOKS = "http://localhost:8080"


class CredentialsError(ValueError):
    """Files that cannot be written or read; the message says what to do."""


def init_folder(folder: Path, webhooks: str = WEBHOOKS) -> list[Path]:
    """Write a fresh application and authority into a folder, all with mode 0600.

    The application's file is written last, and keys that are there are used: so an attempt that was
    killed is completed by the next.

    Args:
        folder: made if it is not there; it must hold no application.
        webhooks: where the application answers, such as http://gateway:8080.

    Returns:
        The files: the application's, its private key, the authority's certificate and key.

    Raises:
        CredentialsError: an application is there already, or a file cannot be used or written.

    """
    files = [folder / name for name in (APPLICATION, PRIVATE_KEY, AUTHORITY, AUTHORITY_KEY)]
    if files[0].exists():
        raise CredentialsError(f"{files[0]} exists; name a new folder, or remove it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        key = _private_key(files[1])
    except OSError as error:
        raise CredentialsError(f"{folder} cannot be written: {error.strerror}") from error
    _authority(folder)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    application = {
        "id": str(uuid.uuid4()),
        "public_key": public.decode(),
        "api_key": secrets.token_hex(4),
        "api_secret": secrets.token_urlsafe(16),
        "signature_secret": secrets.token_urlsafe(32),
        "numbers": [NUMBER],
        "webhooks": {
            "answer_url": f"{webhooks}/webhooks/answer",
            "event_url": f"{webhooks}/webhooks/events",
        },
        "subscribers": {
            "447700900789": {"answer_after": 0.5, "say": "speech", "hang_up_after": 8},
            "447700900790": {"takes": "busy"},
            "447700900791": {"takes": "reject"},
            "447700900792": {"takes": "no-answer"},
            "447700900793": {"takes": "machine", "say": "speech"},
            "447700900794": {"answer_after": 0.5, "say": "speech", "say_after": 10},
            "447700900795": {"answer_after": 0.5, "keys": "1@3"},
        },
    }
    try:
        _write(files[0], json.dumps(application, indent=2).encode() + b"\n")
    except OSError as error:
        raise CredentialsError(f"{files[0]} cannot be written: {error.strerror}") from error
    return files


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write settings as NAME=VALUE lines, with mode 0600.

    Raises:
        CredentialsError: the file cannot be written.

    """
    lines = "".join(f"{name}={value}\n" for name, value in settings.items())
    try:
        _write(path, lines.encode())
    except OSError as error:
        raise CredentialsError(f"{path} cannot be written: {error.strerror}") from error


def server_context(folder: Path, names: Iterable[str]) -> tuple[ssl.SSLContext, Path]:
    """Return a context that serves a fresh certificate, and the file of its authority.

    Args:
        folder: where the authority is; it is made on first use.
        names: by which the server is called, besides localhost.

    Raises:
        CredentialsError: the authority cannot be read or made.

    """
    authority, signing_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    own = [_alternative(name) for name in dict.fromkeys((*LOCAL, *names))]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("phone platform"))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=SERVER_DAYS))
        .add_extension(x509.SubjectAlternativeName(own), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()),
            critical=False,
        )
        .sign(signing_key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as scratch:  # `ssl` reads keys from files alone
        file = Path(scratch) / "server.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        _write(file, certificate.public_bytes(Encoding.PEM) + private)
        context.load_cert_chain(file)
    return context, folder / AUTHORITY


def _private_key(path: Path) -> rsa.RSAPrivateKey:
    """Return the application's key, made if there is none."""
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        _write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return key
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, rsa.RSAPrivateKey):
        raise CredentialsError(
            f"{path} exists, and is no RSA key without a password; name a new folder, or remove it"
        )
    return found


def _authority(folder: Path) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Return the folder's authority, made if there is none."""
    try:
        if not (folder / AUTHORITY_KEY).exists():
            _make_authority(folder)
        key = load_pem_private_key((folder / AUTHORITY_KEY).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / AUTHORITY).read_bytes())
    except OSError as error:
        raise CredentialsError(
            f"the authority in {folder} cannot be used: {error.strerror}"
        ) from error
    except ValueError as error:
        raise CredentialsError(
            f"the authority in {folder} is damaged; remove {AUTHORITY} and {AUTHORITY_KEY}"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CredentialsError(f"{folder / AUTHORITY_KEY} was not made by this program; remove it")
    return certificate, key


def _make_authority(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_name("phone: a simulated platform's authority"))
        .issuer_name(_name("phone: a simulated platform's authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder / AUTHORITY, certificate.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(folder / AUTHORITY_KEY, private)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    with contextlib.suppress(ValueError):
        return x509.IPAddress(ipaddress.ip_address(name))
    return x509.DNSName(name)


def _write(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
